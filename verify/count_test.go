package verify_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/verify"
)

// kind is a kind of credential, with a call that is allowed and one that is refused.
type kind struct {
	of               keyporter.ID // what calls are counted under
	allowed, refused verify.Request
}

// kinds returns one credential of each kind.
func (w *accessWorld) kinds(t *testing.T) map[string]kind {
	t.Helper()
	user, ofUser := keyportertest.Token(t, w.Control, w.ada, "Mine")
	org, ofOrg := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
	const foreign = "asdfngtmvv8pfmsuaxpzz85zux3e63dd9zttrwitx9mln6qka6tds83du3p3lroe"
	keyportertest.ImportTokens(t, w.Control, w.ada, keyporter.UserToken, foreign)
	imported, err := w.DB.TokenBySecret(t.Context(), keyporter.HashSecret(foreign))
	if err != nil {
		t.Fatal(err)
	}
	ours := w.App(t, keyporter.App{Name: "Ours", OrganizationID: w.ada.OrganizationID, OwnTokens: true, Scopes: keyportertest.Asks("file.read")})
	read := keyporter.AccessToken{Scopes: []string{"file.read"}}
	_, access := w.AccessToken(t, w.connection, read)
	_, ofInstance := w.AccessToken(t, keyporter.Connection{AppID: w.app.ID}, read)
	_, ofOurs := w.AccessToken(t, keyporter.Connection{AppID: ours.ID, OrganizationID: ours.OrganizationID}, read)
	// A credential is refused where a user is named whom it can't speak for, or for want of a scope.
	named := func(secret, login string) verify.Request {
		return verify.Request{Method: "GET", Path: "/Api/v5/envelope/1", APIToken: []string{secret}, UserLoginName: []string{login}}
	}
	scoped := func(of keyporter.ID, secret keyporter.Secret) kind {
		k := kind{of, *w.call(secret), *w.call(secret)}
		k.refused.Method = "POST"
		return k
	}
	return map[string]kind{
		"user token":          {user.ID, named(ofUser.Reveal(), w.ada.Login), named(ofUser.Reveal(), "nobody")},
		"organization token":  {org.ID, named(ofOrg.Reveal(), w.ada.Login), named(ofOrg.Reveal(), "nobody")},
		"imported token":      {imported.ID, named(foreign, w.ada.Login), named(foreign, "nobody")},
		"access token":        scoped(w.connection.ID, access),
		"app of the instance": scoped(w.app.ID, ofInstance),
		"app of ours":         scoped(ours.ID, ofOurs),
	}
}

// TestEachCredentialCountsInOnePlace calls with every kind of credential on a node that hears, on one that is deaf,
// and while something else changes, which keeps the answer out of the cache.
func TestEachCredentialCountsInOnePlace(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newAccessWorld(t, url)
		all := w.kinds(t)
		deafDB, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = deafDB.Close() }()
		deaf := usage.New(deafDB, w.Clock.Now)
		deafChecker, err := verify.New(deafDB, verify.Options{APIs: append(keyportertest.APIs(""), keyportertest.Drive("")), Now: w.Clock.Now, Usage: deaf})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		call := func(name string, c *verify.Checker, req verify.Request, allowed bool) string {
			t.Helper()
			n++
			req.RequestID, req.Agent, req.ClientIP = fmt.Sprint("request-", n), "agent", "192.0.2.7"
			if d := c.Check(t.Context(), &req); d.Allowed != allowed {
				t.Fatalf("%s: allowed %v, %s", name, d.Allowed, d.Reason)
			}
			return req.RequestID
		}
		for name, k := range all {
			refused := map[string]*usage.Usage{}
			for range 2 { // the second time from the cache
				call(name, w.Checker, k.allowed, true)
				refused[call(name, w.Checker, k.refused, false)] = w.Usage
			}
			for range 2 {
				call(name, deafChecker, k.allowed, true)
				refused[call(name, deafChecker, k.refused, false)] = deaf
			}
			w.Checker.Changed(store.Change{Name: keyporter.EventOrganizationEnable}) // drops everything
			w.During(1, func() { refused[call(name, w.Checker, k.refused, false)] = w.Usage }, func() {
				w.Checker.Changed(store.Change{Name: keyporter.EventTokenDisable, TokenID: "another"}) // rejects what is being looked up
			})
			call(name, w.Checker, k.allowed, true)
			for id, u := range refused {
				if r, err := u.RefusalByRequestID(t.Context(), id); err != nil || r.CredentialID != k.of {
					t.Errorf("%s: refused call %s before it is written: %+v, %v", name, id, r, err)
				}
			}
			for _, u := range []*usage.Usage{w.Usage, deaf} {
				if err := u.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			use, err := deaf.Of(t.Context(), k.of)
			if err != nil || use.Allowed != 5 || use.Refused != 5 {
				t.Errorf("%s: %d allowed, %d refused, %v", name, use.Allowed, use.Refused, err)
			}
			for id := range refused {
				if r, err := deaf.RefusalByRequestID(t.Context(), id); err != nil || r.CredentialID != k.of {
					t.Errorf("%s: refused call %s after it is written: %+v, %v", name, id, r, err)
				}
				if _, by, err := w.Control.Refusal(t.Context(), keyporter.Command(), id); err != nil || by.ID != k.of {
					t.Errorf("%s: refused call %s is shown to nobody: %+v, %v", name, id, by, err)
				}
			}
		}
	})
}
