package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestInvalidUTF8InALoginNameDoesntStopCounts has an attacker with a valid token send a login
// name that isn't valid text. PostgreSQL would refuse the whole batch of counts because of it,
// again and again, and break every page that shows counts.
func TestInvalidUTF8InALoginNameDoesntStopCounts(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newOrganizationWorld(t, url)
		for i, login := range []string{"\xff", "eve\xc3", "grace@acme.example\x00", strings.Repeat("é", 300), "a\u009b31m\u202eb@acme.example"} {
			byOrganization := w.call(5, login)
			byOrganization.RequestID = fmt.Sprint("organization-", i)
			mustReason(t, w.Checker.Check(t.Context(), byOrganization), keyporter.ReasonNamedUnknown)
			mustReason(t, w.Checker.Check(t.Context(), &verify.Request{
				Method: "GET", Path: whoAmI, APIToken: []string{w.mine.Reveal()}, UserLoginName: []string{login}, RequestID: fmt.Sprint("user-", i),
			}), keyporter.ReasonLoginName)
			if err := w.Usage.Flush(t.Context()); err != nil {
				t.Fatalf("%q: %v", login, err)
			}
			for _, id := range []string{fmt.Sprint("organization-", i), fmt.Sprint("user-", i)} {
				kept, _, err := w.Control.Refusal(t.Context(), keyportertest.Session(w.ada), id)
				if err != nil || strings.ContainsAny(kept.LoginName+kept.Cause, "\u009b\u202e") {
					t.Errorf("%q: kept %q, %q, %v", login, kept.LoginName, kept.Cause, err)
				}
			}
		}
	})
}

// TestManyClientsHideNoUser has an attacker with an organization token pose as a hundred
// clients, so that Keyporter keeps no more when they act for another user. Administrators
// judge the token by the users it acted for.
func TestManyClientsHideNoUser(t *testing.T) {
	t.Parallel()
	w := newOrganizationWorld(t, keyportertest.Database(t))
	call := func(agent string, version int, login string) {
		t.Helper()
		req := w.call(version, login)
		req.Agent = agent
		mustReason(t, w.Checker.Check(t.Context(), req), keyporter.Allowed)
	}
	for i := range 100 {
		call(fmt.Sprint("agent-", i), 5, w.ada.Login)
	}
	for range 3 {
		call("archiver/1.0", 4, w.grace.Login)
	}
	got, err := w.Control.TokenWithUse(t.Context(), keyportertest.Session(w.ada), w.token.ID)
	if err != nil {
		t.Fatal(err)
	}
	for login, calls := range map[string]int{w.ada.Login: 100, w.grace.Login: 3} {
		version := map[string]string{w.ada.Login: "esign 5", w.grace.Login: "esign 4"}[login]
		if !slices.ContainsFunc(got.Use.ActedFor, func(s keyporter.UserUse) bool {
			return s.Login == login && s.Calls == calls && s.Version == version
		}) {
			t.Errorf("%d calls for %s on %s aren't in %+v", calls, login, version, got.Use.ActedFor)
		}
	}
	if got.Use.Allowed != 103 {
		t.Errorf("%d calls were counted", got.Use.Allowed)
	}
}
