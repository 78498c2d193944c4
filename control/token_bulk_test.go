package control_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestManyTokensAreChangedAtOnce changes tokens in each state, and some that aren't the actor's.
func TestManyTokensAreChangedAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command := t.Context(), keyporter.Command()
		on, off, others, foreign := w.userToken(t, w.ada, "on"), w.userToken(t, w.ada, "off"), w.userToken(t, w.grace, "others"), w.userToken(t, w.eve, "foreign")
		if _, err := w.Control.DisableToken(ctx, command, off.ID); err != nil {
			t.Fatal(err)
		}
		selected := []keyporter.ID{foreign.ID, "none", off.ID, on.ID, others.ID, on.ID}
		until := w.Clock.Now().Add(time.Hour)
		ada, admin := keyportertest.Session(w.ada), keyportertest.Session(w.admin)
		for i, tt := range []struct {
			actor                    keyporter.Actor
			change                   control.TokenChange
			event                    keyporter.EventName
			done, unchanged, missing []keyporter.ID
		}{
			{ada, control.TokenChange{Action: control.DisableTokens}, keyporter.EventTokenDisable, []keyporter.ID{on.ID}, []keyporter.ID{off.ID}, []keyporter.ID{others.ID, foreign.ID, "none"}},
			{ada, control.TokenChange{Action: control.EnableTokens}, keyporter.EventTokenEnable, []keyporter.ID{on.ID, off.ID}, nil, []keyporter.ID{others.ID, foreign.ID, "none"}},
			{ada, control.TokenChange{Action: control.EnableTokens}, "", nil, []keyporter.ID{on.ID, off.ID}, []keyporter.ID{others.ID, foreign.ID, "none"}},
			{admin, control.TokenChange{Action: control.SetTokensExpiry, ExpiresAt: until}, keyporter.EventTokenExpiry, []keyporter.ID{on.ID, off.ID, others.ID}, nil, []keyporter.ID{foreign.ID, "none"}},
			{admin, control.TokenChange{Action: control.SetTokensExpiry, ExpiresAt: until}, "", nil, []keyporter.ID{on.ID, off.ID, others.ID}, []keyporter.ID{foreign.ID, "none"}},
			{admin, control.TokenChange{Action: control.SetTokensExpiry}, keyporter.EventTokenExpiry, []keyporter.ID{on.ID, off.ID, others.ID}, nil, []keyporter.ID{foreign.ID, "none"}},
			{ada, control.TokenChange{Action: control.DeleteTokens}, keyporter.EventTokenDelete, []keyporter.ID{on.ID, off.ID}, nil, []keyporter.ID{others.ID, foreign.ID, "none"}},
			{ada, control.TokenChange{Action: control.DeleteTokens}, "", nil, nil, []keyporter.ID{on.ID, off.ID, others.ID, foreign.ID, "none"}},
		} {
			before := events(t, w, w.ada.OrganizationID)
			got, err := w.Control.ChangeTokens(ctx, tt.actor, selected, tt.change)
			if err != nil || !slices.Equal(got.Done, sorted(tt.done)) || !slices.Equal(got.Unchanged, sorted(tt.unchanged)) || !slices.Equal(got.Missing, sorted(tt.missing)) {
				t.Errorf("%d: %+v, %v", i, got, err)
			}
			if n := events(t, w, w.ada.OrganizationID) - before; n != len(tt.done) {
				t.Errorf("%d: %d events", i, n)
			}
			latest, err := w.DB.Events(ctx, w.ada.OrganizationID, "", len(tt.done))
			for _, e := range latest {
				if e.Name != tt.event || !slices.Contains(tt.done, e.TokenID) || e.Actor.User.ID != tt.actor.User.ID {
					t.Errorf("%d: an event is %+v", i, e)
				}
			}
			for _, c := range []credential{on, off} {
				if want := tt.change.Action != control.DisableTokens && tt.change.Action != control.DeleteTokens; err != nil || w.allowed(c) != want {
					t.Errorf("%d: after %s, %s works: %v, %v", i, tt.change.Action, c.Name, !want, err)
				}
			}
		}
		if !w.allowed(others) || !w.allowed(foreign) {
			t.Error("others’ tokens have changed")
		}
		deleted, err := w.DB.DeletedSecrets(ctx, []keyporter.SecretHash{on.secret.Hash(), off.secret.Hash(), others.secret.Hash()})
		if err != nil || len(deleted) != 2 {
			t.Errorf("%d secrets count as deleted, %v", len(deleted), err)
		}
		if _, err := w.Control.RestoreToken(ctx, ada, control.Restore{TokenID: on.ID}); err != nil {
			t.Errorf("a deleted token isn’t restored: %v", err)
		}
		for what, err := range map[string]error{
			"token":        second(w.Control.ChangeTokens(ctx, ada, nil, control.TokenChange{Action: control.EnableTokens})),
			"action token": second(w.Control.ChangeTokens(ctx, ada, make([]keyporter.ID, control.MaxChanged+1), control.TokenChange{})),
			"expires":      second(w.Control.ChangeTokens(ctx, ada, selected, control.TokenChange{Action: control.SetTokensExpiry, ExpiresAt: w.Clock.Now()})),
		} {
			if fieldsOf(err) != what {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func sorted(ids []keyporter.ID) []keyporter.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}

// TestWhatDependsOnManyTokensIsShown previews a change to tokens with and without calls.
func TestWhatDependsOnManyTokensIsShown(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, admin := t.Context(), keyportertest.Session(w.admin)
		old, idle, busy, foreign := w.userToken(t, w.ada, "old"), w.userToken(t, w.ada, "idle"), w.userToken(t, w.grace, "busy"), w.userToken(t, w.eve, "foreign")
		w.allowed(old)
		w.Clock.Advance(31 * 24 * time.Hour)
		w.allowed(busy)
		preview := func(ids ...keyporter.ID) (control.SelectedTokens, int64) {
			t.Helper()
			return fewest(t, w, func() (control.SelectedTokens, error) { return w.Control.TokensImpact(ctx, admin, ids) })
		}
		_, one := preview(busy.ID)
		i, many := preview(idle.ID, old.ID, foreign.ID, busy.ID)
		if got := namesOf(i.Tokens); !slices.Equal(got, []string{"busy", "old", "idle"}) || !slices.Equal(i.Missing, []keyporter.ID{foreign.ID}) {
			t.Fatalf("%v, and %v are missing", got, i.Missing)
		}
		if b := i.Tokens[0]; b.Owner.ID != w.grace.ID || b.Use.Allowed != 1 || len(b.Use.Clients) != 1 || b.Use.Clients[0].Agent != "sync/busy" || b.State != keyporter.TokenActive {
			t.Errorf("busy is %+v", b)
		}
		if o := i.Tokens[1]; len(o.Use.Clients) != 0 || o.Use.Allowed != 0 {
			t.Errorf("old is %+v", o)
		}
		if one != many {
			t.Errorf("%d statements for one token, and %d for several", one, many)
		}
	})
}

// TestChangesOfManyTokensAreLimited makes one after the other.
func TestChangesOfManyTokensAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	me, ids := keyportertest.Session(w.ada), []keyporter.ID{}
	for i := range 150 { // more than single changes
		ids = append(ids, w.userToken(t, w.ada, fmt.Sprint(i)).ID)
	}
	for i := range 100 {
		_, err := w.Control.ChangeTokens(t.Context(), me, ids, control.TokenChange{Action: control.SetTokensExpiry, ExpiresAt: w.Clock.Now().Add(time.Duration(i+1) * time.Hour)})
		if keyporter.KindOf(err) == keyporter.TooMany && i > 0 {
			return
		}
		wantKind(t, err, noError)
	}
	t.Error("there is no limit")
}

// TestManyTokensSwitchedOffStopEverywhere switches off more tokens at once than other nodes are told of one by one.
func TestManyTokensSwitchedOffStopEverywhere(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		here, there := newWorld(t, url), keyportertest.NewNode(t, url)
		var ids []keyporter.ID
		var calls []keyportertest.Call
		for i := range 150 {
			c := here.userToken(t, here.ada, fmt.Sprint(i))
			ids, calls = append(ids, c.ID), append(calls, keyportertest.Call{Token: c.secret})
		}
		for _, c := range calls {
			keyportertest.Eventually(t, "the other node knows the token", func() bool { return there.Allows(c) })
		}
		if _, err := here.Control.ChangeTokens(t.Context(), keyportertest.Session(here.ada), ids, control.TokenChange{Action: control.DisableTokens}); err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			if here.Allows(c) {
				t.Errorf("token %d still works", i)
			}
			keyportertest.Eventually(t, "the other node refuses the token", func() bool { return !there.Allows(c) })
		}
	})
}
