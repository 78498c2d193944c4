package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestAScopeTheAppLostIsGoneEverywhere has an operator take a scope from the app, and give it back.
func TestAScopeTheAppLostIsGoneEverywhere(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
		rs := w.AppSecret(t, "rs").Reveal()
		scopes := func(a keyportertest.Answer) string {
			return w.Post(t, "/oauth2/introspect", url.Values{"token": {a.Text("access_token")}, "client_id": {"rs"}, "client_secret": {rs}}).Text("scope")
		}
		all := []string{"scope", "openid envelope.read envelope.send"}
		got, v := w.tokens(all...), keyportertest.Verifier()
		code := w.code("public", v, all...)
		own := w.Post(t, "/oauth2/token", w.ownToken())
		if scopes(got) != "openid envelope.read envelope.send" || scopes(own) != "envelope.read envelope.send" { // from now on, they are in the cache
			t.Fatalf("%q, %q", scopes(got), scopes(own))
		}
		for _, app := range []keyporter.ID{"public", "confidential"} {
			w.SetAppScopes(t, app, "envelope.read")
		}
		redeemed := w.Post(t, "/oauth2/token", redemption(code, v))
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"), "scope", "envelope.send")), 400, "invalid_scope")
		next := w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")))
		for what, has := range map[string]string{
			"the access token": scopes(got), "its own": "openid " + scopes(own), "redeemed since": scopes(redeemed), "refreshed since": scopes(next),
			"redeemed since, by the answer": redeemed.Text("scope"), "refreshed since, by the answer": next.Text("scope"),
		} {
			if has != "openid envelope.read" {
				t.Errorf("%s: %q", what, has)
			}
		}
		// The user still allows it, so whoever gives it back to the app gives it back to its tokens.
		w.SetAppScopes(t, "public", "envelope.read", "envelope.send")
		if scopes(next) != "openid envelope.read" || scopes(got) != "openid envelope.read envelope.send" {
			t.Errorf("given back: %q to a token issued without it, %q to one issued with it", scopes(next), scopes(got))
		}
		w.SetConnectionScopes(t, w.ConnectionOf(t, w.ada.ID, "public"), "openid", "envelope.read")
		next = w.Post(t, "/oauth2/token", refreshing(next.Text("refresh_token")))
		if next.Status != 200 || next.Text("scope") != "openid envelope.read" {
			t.Errorf("the user took it back: %v", next)
		}
	})
}

// ownToken returns a request of the confidential app for a token of its own.
func (w *world) ownToken(change ...string) url.Values {
	return keyportertest.With(url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}, change...)
}

// TestScopesThatDoNotExistAreLeftOut asks for some at each door where scopes come in.
func TestScopesThatDoNotExistAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	w.app(keyporter.App{ID: "tv", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
	asked := "groups openid envelope.read address openid"
	got := w.tokens("scope", asked)
	for what, a := range map[string]keyportertest.Answer{
		"authorize":          got,
		"refresh":            w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"), "scope", asked)),
		"client credentials": w.Post(t, "/oauth2/token", w.ownToken("scope", asked)),
		"registration":       w.registers(`{"redirect_uris":["https://a.example/cb"],"scope":"groups openid envelope.read address"}`),
	} {
		want := "openid envelope.read"
		if what == "client credentials" {
			want = "envelope.read"
		}
		if a.Status >= 300 || a.Text("scope") != want {
			t.Errorf("%s: %v", what, a)
		}
	}
	pushing := keyportertest.With(request("confidential", keyportertest.Verifier(), "scope", asked), "client_secret", w.secret.Reveal())
	device := url.Values{"client_id": {"tv"}, "scope": {asked}}
	for path, form := range map[string]url.Values{"/oauth2/par": pushing, "/oauth2/device_authorization": device} {
		if a := w.Post(t, path, form); a.Status >= 300 {
			t.Errorf("%s: %v", path, a)
		}
		keyportertest.Refused(t, w.Post(t, path, keyportertest.With(form, "scope", "groups address")), 400, "invalid_scope")
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", w.ownToken("scope", "groups")), 400, "invalid_scope")
	keyportertest.Refused(t, w.registers(`{"redirect_uris":["https://a.example/cb"],"scope":"groups"}`), 400, "invalid_client_metadata")
}

// registers sends the metadata of an app that registers itself.
func (w *world) registers(metadata string) keyportertest.Answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/oauth2/register", strings.NewReader(metadata))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return keyportertest.Do(w.t, req)
}
