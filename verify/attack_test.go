package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestALoginNameThatIsNoTextStopsNoCounts has an attacker with any good token name
// somebody in bytes that are no text. PostgreSQL would refuse the whole batch of counts
// with it, now and ever after, and so every page that shows them to anybody.
func TestALoginNameThatIsNoTextStopsNoCounts(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newOrganizationWorld(t, url)
		for i, login := range []string{"\xff", "eve\xc3", strings.Repeat("é", 300), "a\u009b31m\u202eb@acme.example"} {
			byOrganization := w.call(5, login)
			byOrganization.RequestID = fmt.Sprint("organization-", i)
			mustReason(t, w.Checker.Check(t.Context(), byOrganization), keyporter.ReasonNamedUnknown)
			mustReason(t, w.Checker.Check(t.Context(), &verify.Request{
				Method: "GET", Path: whoAmI, APIToken: []string{w.mine.Reveal()}, UserLoginName: []string{login}, RequestID: fmt.Sprint("user-", i),
			}), keyporter.ReasonLoginName)
			if err := w.Checker.Flush(t.Context()); err != nil {
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
