package oauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestUnusualParametersDoNoHarm sends what is optional, unknown, or only unusual.
func TestUnusualParametersDoNoHarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.tokens()
	long := strings.Repeat("s", 2000)
	for what, change := range map[string][]string{
		"display=page": {"display", "page"}, "display=popup": {"display", "popup"}, "an unknown display": {"display", "hologram"},
		"login_hint": {"login_hint", "ada@acme.example"}, "ui_locales": {"ui_locales", "de fr"}, "claims_locales": {"claims_locales", "de"},
		"acr_values": {"acr_values", "1 2"}, "claims": {"claims", `{"userinfo":{"name":{"essential":true}}}`}, "claims that are none": {"claims", "{"},
		"an unknown parameter": {"extra", "foobar"}, "a long state": {"state", long}, "a long nonce": {"nonce", long}, "no state": {"state", ""},
		"another order of scopes": {"scope", "envelope.read openid"}, "a scope twice": {"scope", "openid openid envelope.read"}, "response_mode=query": {"response_mode", "query"},
	} {
		v := keyportertest.Verifier()
		params := request("public", v, change...)
		to, _, _ := w.person.Browse(t, "/oauth2/authorize?"+params.Encode())
		if to.Query().Get("code") == "" || to.Query().Get("state") != params.Get("state") || to.Query().Has("state") != params.Has("state") {
			t.Errorf("%s: %s", what, to)
			continue
		}
		a := w.Post(t, "/oauth2/token", redemption(to.Query().Get("code"), v, "extra", "foobar"))
		if a.Status != http.StatusOK || !strings.Contains(a.Text("scope"), "openid") {
			t.Errorf("%s: %v", what, a)
		}
	}
	if to, status, _ := w.post(w.person, request("public", keyportertest.Verifier())); status != http.StatusSeeOther || to.Query().Get("code") == "" {
		t.Errorf("by POST: %d %s", status, to)
	}
	if a := w.userInfo("bEARER " + w.tokens().Text("access_token")); a.Status != http.StatusOK {
		t.Errorf("the scheme in another letter case: %v", a)
	}
}
