package control_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestThereIsANumberBeyondWhichThereAreNoMore adds one of each thing too many, several at once. Those
// that TestTokenLimit, TestRoleLimit, and TestAppSecrets are about aren't here.
func TestThereIsANumberBeyondWhichThereAreNoMore(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		c := control.New(w.DB, control.Options{
			Now: w.Clock.Now, Sealer: keyportertest.Sealer(t), Scopes: keyportertest.Scopes(), PasswordCost: control.PasswordCost{Memory: 8, Passes: 1},
			Ceilings: control.Ceilings{Organizations: 4, Users: 6, Apps: 2, Sessions: 3},
		})
		ctx, admin, operator := t.Context(), keyportertest.Session(w.admin), keyportertest.Session(w.operator(t))
		app := func(organization keyporter.ID) keyporter.App {
			return keyporter.App{OrganizationID: organization, Name: "An app", Publisher: "Acme", Authentication: keyporter.AppPublic, RedirectURIs: []string{"https://app.example/cb"}, Scopes: []keyporter.AppScope{{Name: "envelope.read"}}}
		}
		var n atomic.Int32
		adds := map[string]func(keyporter.Actor) error{
			"organizations": func(a keyporter.Actor) error {
				_, err := c.CreateOrganization(ctx, a, fmt.Sprint("Organization ", n.Add(1)))
				return err
			},
			"users": func(a keyporter.Actor) error {
				_, err := c.CreateUser(ctx, a, control.NewUser{OrganizationID: w.ada.OrganizationID, Login: fmt.Sprintf("user%d@acme.example", n.Add(1)), Password: keyportertest.Password})
				return err
			},
			"apps": func(a keyporter.Actor) error {
				_, err := c.RegisterApp(ctx, a, app(w.ada.OrganizationID))
				return err
			},
			"apps of the instance": func(a keyporter.Actor) error {
				_, err := c.RegisterApp(ctx, a, app(""))
				return err
			},
		}
		for what, room := range map[string]int32{"organizations": 2, "users": 3, "apps": 2, "apps of the instance": 2} {
			actor, at := operator, 1 // there is no row to lock for these, and operators are few
			if what == "users" || what == "apps" {
				at = 6
			}
			if what == "users" {
				actor = admin
			}
			var added atomic.Int32
			add := func() {
				switch err := adds[what](actor); {
				case err == nil:
					added.Add(1)
				case keyporter.KindOf(err) != keyporter.Conflict || !strings.Contains(err.Error(), "The limit of") || strings.Contains(err.Error(), "from the command line") == strings.HasPrefix(what, "apps"):
					t.Errorf("%s: %v", what, err)
				}
			}
			for range 6 / at {
				var all sync.WaitGroup
				for range at {
					all.Go(add)
				}
				all.Wait()
			}
			if added.Load() != room {
				t.Errorf("%s: %d were added with room for %d", what, added.Load(), room)
			}
			wantKind(t, adds[what](keyporter.Command()), noError)
		}

		sessions := make([]control.SignedIn, 5)
		for i := range sessions {
			var err error
			if sessions[i], err = c.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.grace.Login, Password: keyportertest.Password}); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(time.Second)
		}
		for i, session := range sessions {
			if _, err := c.Session(ctx, keyportertest.Nobody(), session.Cookie); (err == nil) != (i >= 2) {
				t.Errorf("session %d of 5: %v", i, err)
			}
		}
	})
}

// TestChangesAreLimited switches a token on and off as fast as possible, in two sessions.
func TestChangesAreLimited(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		ctx := t.Context()
		token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
		shared, _ := keyportertest.Token(t, w.Control, w.grace, "Export")
		before, on := events(t, w, w.ada.OrganizationID), 0
		var last error
		for range 200 {
			if _, err := w.Control.DisableToken(ctx, keyportertest.Session(w.ada), token.ID); err != nil {
				t.Fatalf("switching off is refused: %v", err)
			}
			if _, err := w.Control.EnableToken(ctx, keyportertest.Session(w.ada), token.ID); err == nil {
				on++
			} else {
				last = err
			}
		}
		e, _ := errors.AsType[*keyporter.Error](last)
		if on != 120 || e == nil || e.Kind != keyporter.TooMany || e.RetryAfter <= 0 || !strings.Contains(e.Message, "too many changes") {
			t.Errorf("%d of 200 were allowed: %v", on, last)
		}
		if n := events(t, w, w.ada.OrganizationID) - before; n != 241 {
			t.Errorf("%d events", n)
		}
		if got, err := w.Control.Token(ctx, keyportertest.Session(w.ada), token.ID); err != nil || got.Enabled {
			t.Errorf("a refused change was made: %v, %v", got, err)
		}
		_, err := w.Control.RenameToken(ctx, keyportertest.Session(w.ada), token.ID, "Another name")
		wantKind(t, err, keyporter.TooMany)
		_, err = w.Control.EnableToken(ctx, keyporter.Command(), token.ID)
		wantKind(t, err, noError)
		_, err = w.Control.RenameToken(ctx, keyportertest.Session(w.grace), shared.ID, "Another name")
		wantKind(t, err, noError)
		w.Clock.Advance(e.RetryAfter)
		_, err = w.Control.RenameToken(ctx, keyportertest.Session(w.ada), token.ID, "Another name")
		wantKind(t, err, noError)
		wantKind(t, w.Control.DeleteToken(ctx, keyportertest.Session(w.ada), token.ID), noError)
	})
}

// TestSignInsAndPasswordsAreLimited makes too many of each, and none keeps a person from another.
func TestSignInsAndPasswordsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	ctx, browser := t.Context(), ""
	many := func(f func() error) (done int, err error) {
		for ; err == nil && done < 200; done++ {
			err = f()
		}
		return done - 1, err
	}
	n, err := many(func() error {
		in, err := w.Control.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password, Browser: browser})
		browser = cmp.Or(in.Browser, browser)
		return err
	})
	if wantKind(t, err, keyporter.TooMany); n != 120 || !strings.Contains(err.Error(), "signed in too often") {
		t.Errorf("%d sign-ins: %v", n, err)
	}
	w.Clock.Advance(time.Second)
	if _, err := w.Control.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password, Browser: browser}); err != nil {
		t.Errorf("after a while: %v", err)
	}
	n, err = many(func() error {
		return w.Control.SetPassword(ctx, keyporter.Session(w.admin, w.Clock.Now()), w.ada.ID, "another long password")
	})
	if wantKind(t, err, keyporter.TooMany); n != 120 {
		t.Errorf("%d passwords: %v", n, err)
	}
	wantKind(t, w.Control.ChangePassword(ctx, keyporter.Session(w.admin, w.Clock.Now()), keyportertest.Password, "another long password"), noError)
	wantKind(t, w.Control.DisableUser(ctx, keyporter.Session(w.admin, w.Clock.Now()), w.ada.ID), noError)
}

// TestScopesThatAConnectionGainsAreLimited adds a scope and removes it again as fast as possible.
func TestScopesThatAConnectionGainsAreLimited(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		ctx, ada := t.Context(), keyportertest.Session(w.ada)
		app := w.App(t, keyporter.App{Scopes: keyportertest.Asks("envelope.read", "envelope.send")})
		conn := w.Connect(t, w.ada, app, "envelope.read")
		gain := func() error {
			request, browser := w.Ask(t, app)
			return w.Control.Connect(ctx, ada, control.ConnectApp{Request: request, Browser: browser})
		}
		for i := range 120 {
			if err := gain(); err != nil {
				t.Fatalf("scope %d: %v", i+1, err)
			}
			if err := w.Control.RemoveScope(ctx, ada, conn.ID, "envelope.send"); err != nil {
				t.Fatalf("removal %d: %v", i+1, err)
			}
		}
		wantKind(t, gain(), keyporter.TooMany)
		if now := w.ConnectionOf(t, w.ada.ID, app.ID); len(now.Scopes) != 1 {
			t.Errorf("a refused change was made: %v", now.Scopes)
		}
		wantKind(t, w.Control.Disconnect(ctx, ada, conn.ID), noError)
		wantKind(t, gain(), keyporter.TooMany)
		w.Clock.Advance(time.Second)
		wantKind(t, gain(), noError)
	})
}
