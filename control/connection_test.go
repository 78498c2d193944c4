package control_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestWhoMayEndAConnection tries every operation on a connection of ada's with every kind of actor.
func TestWhoMayEndAConnection(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		ctx, app := t.Context(), d.App(t, keyporter.App{OrganizationID: ""})
		for who, c := range map[string]struct {
			actor keyporter.Actor
			want  keyporter.Kind
		}{
			"the user":                        {keyportertest.Session(d.ada), noError},
			"an administrator":                {keyportertest.Session(d.admin), noError},
			"the command line":                {keyporter.Command(), noError},
			"another user":                    {keyportertest.Session(d.grace), keyporter.NotFound},
			"a developer of the organization": {keyportertest.Session(d.dev), keyporter.NotFound},
			"an administrator elsewhere":      {keyportertest.Session(d.eve), keyporter.NotFound},
			"an operator elsewhere":           {keyportertest.Session(d.otto), keyporter.NotFound},
			"nobody":                          {keyporter.Actor{}, keyporter.NotFound},
			"nobody, posing as the user":      {keyporter.Actor{User: d.ada}, keyporter.NotFound},
			"only the organization's ID":      {keyportertest.Session(keyporter.User{OrganizationID: d.ada.OrganizationID}), keyporter.NotFound},
		} {
			conn := d.Connect(t, d.ada, app)
			before := events(t, d.world, d.ada.OrganizationID)
			_, err := d.Control.Connection(ctx, c.actor, conn.ID)
			wantKind(t, err, c.want)
			wantKind(t, d.Control.RemoveScope(ctx, c.actor, conn.ID, "envelope.send"), c.want)
			now, err := d.DB.ConnectionByID(ctx, conn.ID)
			if left := 2 - btoi(c.want == noError); err != nil || len(now.Scopes) != left {
				t.Errorf("%s leaves %v, %v", who, now.Scopes, err)
			}
			wantKind(t, d.Control.Disconnect(ctx, c.actor, conn.ID), c.want)
			_, err = d.DB.ConnectionByID(ctx, conn.ID)
			if (err == nil) != (c.want != noError) {
				t.Errorf("%s: the connection is %v", who, err)
			}
			if n := events(t, d.world, d.ada.OrganizationID) - before; n != 2*btoi(c.want == noError) {
				t.Errorf("%s: %d events", who, n)
			}
		}
		wantKind(t, d.Control.Disconnect(ctx, keyportertest.Session(d.ada), "01jnosuch"), keyporter.NotFound)
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestConcurrentScopeRemovalsAllTakeEffect removes several scopes at the same time.
func TestConcurrentScopeRemovalsAllTakeEffect(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		conn := d.Connect(t, d.ada, d.App(t, keyporter.App{}), append(slices.Clone(names), "left")...)
		me := keyportertest.Session(d.ada)
		var all sync.WaitGroup
		for _, s := range names {
			all.Go(func() {
				if err := d.Control.RemoveScope(t.Context(), me, conn.ID, s); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := d.DB.ConnectionByID(t.Context(), conn.ID)
		if err != nil || !slices.Equal(got.Scopes, []string{"left"}) {
			t.Errorf("the remaining scopes are %v, %v", got.Scopes, err)
		}
		wantKind(t, d.Control.RemoveScope(t.Context(), me, conn.ID, "a"), noError) // already gone
		wantKind(t, d.Control.RemoveScope(t.Context(), me, conn.ID, "left"), noError)
		_, err = d.DB.ConnectionByID(t.Context(), conn.ID)
		wantKind(t, err, keyporter.NotFound) // removing the last scope ended it
	})
}

func TestConnectionsAreListedWithTheirUse(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		ctx, me := t.Context(), keyportertest.Session(d.ada)
		conn := d.Connect(t, d.ada, d.App(t, keyporter.App{}))
		other := d.Connect(t, d.eve, d.App(t, keyporter.App{Name: "Other"}))
		err := d.DB.Do(ctx, func(tx *store.Tx) error {
			return tx.AddUses(ctx, store.Batch{Uses: []store.Use{{CredentialID: conn.ID, ClientUse: keyporter.ClientUse{Agent: "dms/1", Address: "203.0.113.5", Version: "esign 6", LastAt: time.Now(), Allowed: 7, Refused: 2}}}})
		})
		wantKind(t, err, noError)
		p, err := d.Control.ListConnections(ctx, me, control.ConnectionList{})
		mine := p.Connections
		if err != nil || len(mine) != 1 {
			t.Fatalf("%+v, %v", mine, err)
		}
		last, ok := mine[0].Use.Last()
		if !ok || last.Address != "203.0.113.5" || mine[0].Use.Allowed != 7 || mine[0].Use.Refused != 2 || mine[0].App.Name != "DMS tagging service" || mine[0].User.ID != d.ada.ID {
			t.Errorf("%+v", mine[0])
		}
		_, err = d.Control.ListConnections(ctx, keyporter.Actor{User: d.ada}, control.ConnectionList{})
		wantKind(t, err, keyporter.Unauthorized)
		for user, want := range map[*keyporter.User]keyporter.Kind{&d.admin: noError, &d.ada: keyporter.Forbidden, &d.dev: keyporter.Forbidden, &d.otto: keyporter.Forbidden} {
			_, err := d.Control.ListConnections(ctx, keyportertest.Session(*user), control.ConnectionList{Everyone: true})
			wantKind(t, err, want)
		}
		for user, want := range map[*keyporter.User]keyporter.ID{&d.admin: conn.ID, &d.eve: other.ID} {
			all, err := d.Control.ListConnections(ctx, keyportertest.Session(*user), control.ConnectionList{Everyone: true})
			if err != nil || len(all.Connections) != 1 || all.Connections[0].Connection.ID != want {
				t.Errorf("%s sees %+v, %v", user.Login, all, err)
			}
		}
		// Counts end with the connection. If the user connects the app again, they start at zero.
		wantKind(t, d.Control.Disconnect(ctx, me, conn.ID), noError)
		if use, err := d.DB.UseOf(ctx, conn.ID, time.Now()); err != nil || use.Allowed != 0 || len(use.Clients) != 0 {
			t.Errorf("%+v, %v", use, err)
		}
	})
}

func TestWhichAppsAnOrganizationAllows(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		ctx, admin := t.Context(), keyportertest.Session(d.admin)
		own, instance := d.app(t), d.App(t, keyporter.App{})
		foreign := d.App(t, keyporter.App{OrganizationID: d.eve.OrganizationID})
		p, err := d.Control.AppPolicy(ctx, admin)
		if err != nil || p.Policy != keyporter.AllApps || len(p.Listed) != 0 || len(p.Apps) != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, keyporter.ListedApps, []keyporter.ID{own.ID, instance.ID}), noError)
		n := events(t, d.world, d.admin.OrganizationID)
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, keyporter.ListedApps, []keyporter.ID{instance.ID, own.ID, own.ID}), noError) // unchanged
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, "some", nil), keyporter.Invalid)
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, keyporter.ListedApps, []keyporter.ID{foreign.ID}), keyporter.Invalid)
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, keyporter.ListedApps, []keyporter.ID{"nosuch"}), keyporter.Invalid)
		for _, u := range []keyporter.User{d.ada, d.dev, d.otto} {
			wantKind(t, d.Control.SetAppPolicy(ctx, keyportertest.Session(u), keyporter.AllApps, nil), keyporter.Forbidden)
			_, err := d.Control.AppPolicy(ctx, keyportertest.Session(u))
			wantKind(t, err, keyporter.Forbidden)
		}
		if now := events(t, d.world, d.admin.OrganizationID); now != n {
			t.Errorf("%d events, but nothing changed", now-n)
		}
		p, err = d.Control.AppPolicy(ctx, admin)
		if err != nil || p.Policy != keyporter.ListedApps || len(p.Listed) != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		wantKind(t, d.Control.DeleteApp(ctx, keyporter.Command(), own.ID), noError)
		wantKind(t, d.Control.SetAppPolicy(ctx, admin, keyporter.NoApps, []keyporter.ID{instance.ID}), noError)
		p, err = d.Control.AppPolicy(ctx, admin)
		if err != nil || p.Policy != keyporter.NoApps || !slices.Equal(p.Listed, []keyporter.ID{instance.ID}) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// TestSimultaneousFirstConsentsAddUp has a user allow one app different scopes at the same time, before they have
// any connection with it that could be locked.
func TestSimultaneousFirstConsentsAddUp(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		for range 3 {
			app := d.AppWith(t, names...)
			var all sync.WaitGroup
			for _, s := range names {
				request, browser := d.Ask(t, app, func(a *keyportertest.Authorization) { a.Asked.Scopes = []string{s} })
				all.Go(func() {
					in := control.ConnectApp{Request: request, Browser: browser}
					if err := d.Control.Connect(t.Context(), keyportertest.Session(d.ada), in); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			got := d.ConnectionOf(t, d.ada.ID, app.ID).Scopes
			if slices.Sort(got); !slices.Equal(got, names) {
				t.Errorf("they add up to %v", got)
			}
		}
	})
}
