package control_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestAReportNamesAllCauses expects everything that keeps a token from working at once, and each of them until it is mended.
func TestAReportNamesAllCauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx, me, boss := t.Context(), keyportertest.Session(w.ada), keyporter.Command()
	token, _, err := w.Control.CreateToken(ctx, me, control.NewToken{Kind: keyporter.UserToken, OwnerID: w.ada.ID, Name: "Yearly", ExpiresAt: w.Clock.Now().Add(time.Hour)})
	wantKind(t, err, noError)
	w.Clock.Advance(2 * time.Hour)
	me = keyportertest.Session(w.ada)
	wantKind(t, w.Control.WithdrawFlag(ctx, boss, w.ada.OrganizationID, keyporter.FlagAPI), noError)
	keyportertest.SetRoles(t, w.Node, w.ada, keyportertest.UseAPI(keyporter.EffectBlock))
	causes := func() (all []keyporter.Reason) {
		r, err := w.Control.Report(ctx, me, token.ID, 30)
		wantKind(t, err, noError)
		for _, s := range r.Causes {
			if s.Cause == "" {
				t.Errorf("no cause is given for %s", s.Reason)
			}
			all = append(all, s.Reason)
		}
		return all
	}
	want := []keyporter.Reason{keyporter.ReasonDisabled, keyporter.ReasonExpired, keyporter.ReasonFlag, keyporter.ReasonBlocked}
	if got := causes(); !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	keyportertest.SetRoles(t, w.Node, w.ada, keyportertest.UseAPI(keyporter.EffectGrant))
	wantKind(t, w.Control.GrantFlag(ctx, boss, w.ada.OrganizationID, keyporter.FlagAPI), noError)
	if got := causes(); !slices.Equal(got, want[:2]) {
		t.Errorf("%v, want %v", got, want[:2])
	}
	_, err = w.Control.SetTokenExpiry(ctx, me, token.ID, time.Time{})
	wantKind(t, err, noError)
	_, err = w.Control.EnableToken(ctx, me, token.ID)
	wantKind(t, err, noError)
	if got := causes(); len(got) > 0 {
		t.Errorf("it works, but there is still %v", got)
	}
	r, err := w.Control.Report(ctx, me, token.ID, 30)
	wantKind(t, err, noError)
	var history []keyporter.EventName
	for _, e := range r.History {
		history = append(history, e.Name)
	}
	if !slices.Equal(history, []keyporter.EventName{keyporter.EventTokenEnable, keyporter.EventTokenExpiry, keyporter.EventTokenCreate}) {
		t.Errorf("the history is %v", history)
	}
	_, err = w.Control.Report(ctx, keyportertest.Session(w.eve), token.ID, 30)
	wantKind(t, err, keyporter.NotFound)
}

// TestAReportCountsDays counts calls on three days on two nodes, of which one still has the last ones in memory.
func TestAReportCountsDays(t *testing.T) {
	t.Parallel()
	url := postgres.New(t)
	w := newWorld(t, url)
	other := keyportertest.NewNode(t, url)
	token, secret := keyportertest.Token(t, w.Control, w.ada, "Export")
	_, theirs := keyportertest.Token(t, w.Control, w.ada, "Another")
	now := w.Clock.Now().Truncate(24 * time.Hour).Add(23 * time.Hour)
	for _, n := range []*keyportertest.Node{w.Node, other} {
		n.Clock.Stop()
		n.Clock.Advance(now.Sub(n.Clock.Now()))
	}
	for day, calls := range []int{3, 0, 2} {
		for i, n := range []*keyportertest.Node{w.Node, other} {
			for range calls {
				n.Allows(keyportertest.Call{Token: secret, Agent: []string{"curl/8", "export/2"}[i]})
			}
			n.Allows(keyportertest.Call{Token: theirs, Agent: "curl/8"})
			n.Allows(keyportertest.Call{Token: secret, Agent: "curl/8", Path: "/Api/v6/nothing/here"})
			if n == other || day < 2 {
				wantKind(t, n.Usage.Flush(t.Context()), noError)
			}
			if day < 2 {
				n.Clock.Advance(24 * time.Hour)
			}
		}
	}
	r, err := w.Control.Report(t.Context(), keyportertest.Session(w.ada), token.ID, 2)
	wantKind(t, err, noError)
	today := w.Clock.Now().UTC().Truncate(24 * time.Hour)
	want := []keyporter.Counts{{Allowed: 2}, {Allowed: 6}}
	if !r.First.Equal(today.AddDate(0, 0, -1)) || !slices.Equal(r.Days, want) {
		t.Errorf("since %v: %+v, want %+v", r.First, r.Days, want)
	}
	if len(r.Clients) != 2 || r.Clients[0].Agent != "curl/8" || keyporter.Sum(r.Clients[0].Days).Allowed != 6 || keyporter.Sum(r.Clients[1].Days).Allowed != 2 {
		t.Errorf("clients %+v", r.Clients)
	}
	if len(r.Routes) != 2 || keyporter.Sum(r.Routes[0].Days).Allowed != 4 || r.Routes[0].Version != "esign 5" || r.Routes[0].Method != http.MethodGet {
		t.Errorf("routes %+v", r.Routes)
	}
	if len(r.Calls) != 16 {
		t.Errorf("%d calls are kept", len(r.Calls))
	}
}
