package oauth_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestStatementsOfARequest counts the SQL statements of each kind of request, on both
// databases. Decision 9 has the figures. A redemption finds the app and the grant, and in one
// transaction uses up the code and writes both tokens and the event. A refresh also finds the
// token and sets the grant's key.
func TestStatementsOfARequest(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
		rs := w.AppSecret(t, "rs").Reveal()
		own := url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}
		about := func(token string) url.Values {
			return url.Values{"token": {token}, "client_id": {"rs"}, "client_secret": {rs}}
		}
		known := w.tokens().Text("access_token")
		w.Post(t, "/oauth2/introspect", about(known))
		for what, c := range map[string]struct {
			path string
			form func() url.Values
			want int64
		}{
			"client credentials": {"/oauth2/token", func() url.Values { return own }, 5},
			"client credentials, the first": {"/oauth2/token", func() url.Values { // which makes the grant that the others share
				id := keyporter.NewID(w.Clock.Now())
				w.app(keyporter.App{ID: id, Authentication: keyporter.AppSecret, OwnTokens: true})
				return url.Values{"grant_type": {"client_credentials"}, "client_id": {string(id)}, "client_secret": {w.AppSecret(t, id).Reveal()}}
			}, 7},
			"code": {"/oauth2/token", func() url.Values {
				v := keyportertest.Verifier()
				return redemption(w.code("public", v), v)
			}, 9},
			"refresh":                      {"/oauth2/token", func() url.Values { return refreshing(w.tokens().Text("refresh_token")) }, 11},
			"introspection":                {"/oauth2/introspect", func() url.Values { return about(w.tokens().Text("access_token")) }, 2},
			"introspection, asked before":  {"/oauth2/introspect", func() url.Values { return about(known) }, 1},
			"introspection of what is not": {"/oauth2/introspect", func() url.Values { return about(keyporter.NewSecret(keyporter.SecretAccessToken).Reveal()) }, 1},
		} {
			least := w.statements(c.path, c.form())
			for range 8 { // the node may write counts at the same time
				least = min(least, w.statements(c.path, c.form()))
			}
			if least != c.want {
				t.Errorf("%s takes %d statements, not %d", what, least, c.want)
			}
		}
	})
}

// statements returns how many statements run while a form is answered.
func (w *world) statements(path string, form url.Values) int64 {
	w.t.Helper()
	before := w.DB.Statements()
	if a := w.Post(w.t, path, form); a.Status != http.StatusOK {
		w.t.Fatalf("%v", a)
	}
	return w.DB.Statements() - before
}

// TestOwnTokensShareAGrant requires an app's own tokens to share a grant if they have the same
// scopes, resources, and key, and only then.
func TestOwnTokensShareAGrant(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		key := newSigner(t)
		grantOf := func(change ...string) keyporter.ID {
			form := keyportertest.With(url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}, change...)
			var header []string
			if form.Has("bound") {
				header = []string{"DPoP", key.proof(t, "POST", w.URL+"/oauth2/token", "iat", w.Clock.Now().Unix())}
			}
			a := w.Post(t, "/oauth2/token", form, header...)
			token, err := w.DB.AccessTokenByHash(t.Context(), keyporter.HashSecret(a.Text("access_token")))
			if err != nil {
				t.Fatal(a, err)
			}
			return token.GrantID
		}
		shared := grantOf()
		if again := grantOf(); again != shared {
			t.Error("the second token has a grant of its own")
		}
		seen := map[keyporter.ID]bool{shared: true}
		for _, change := range [][]string{{"scope", "envelope.read"}, {"resource", keyportertest.Resource}, {"bound", "yes"}} {
			g := grantOf(change...)
			if seen[g] {
				t.Errorf("%v: it shares a grant that gives something else", change)
			}
			seen[g] = true
		}
		one, other := grantOf("scope", "envelope.read envelope.send"), grantOf("scope", "envelope.send envelope.read")
		if one != other {
			t.Error("the order of scopes makes another grant")
		}
	})
}
