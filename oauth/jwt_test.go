package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// TestAJWTIsKnownEverywhere has the gateway, introspection, and userinfo say the same about a JWT,
// before and after each way to end it.
func TestAJWTIsKnownEverywhere(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
		rs := w.AppSecret(t, "rs").Reveal()
		w.app(keyporter.App{ID: "jwt", Authentication: keyporter.AppPublic, JWT: true})
		about := func(token string) keyportertest.Answer {
			return w.Post(t, "/oauth2/introspect", url.Values{"token": {token}, "client_id": {"rs"}, "client_secret": {rs}})
		}
		known := func(token string) map[string]bool {
			return map[string]bool{
				"introspection": about(token).Body["active"] == true,
				"the gateway":   w.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/envelopes", Authorization: []string{"Bearer " + token}}).Allowed,
				"userinfo":      w.userInfo("Bearer "+token).Status == http.StatusOK,
			}
		}
		want := func(when, token string, works bool) {
			t.Helper()
			for where, does := range known(token) {
				if does != works {
					t.Errorf("%s, at %s: it works: %v", when, where, does)
				}
			}
		}
		for what, end := range map[string]func(token string){
			"given back": func(token string) {
				if a := w.Post(t, "/oauth2/revoke", url.Values{"token": {token}, "client_id": {"jwt"}}); a.Status != http.StatusOK {
					t.Fatalf("%v", a)
				}
			},
			"disconnected":         func(string) { w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, "jwt")) },
			"of an inactive user":  func(string) { w.SetUserActive(t, w.ada.ID, false) },
			"of an app without it": func(string) { w.SetAppState(t, "jwt", keyporter.AppSuspended) },
		} {
			v := keyportertest.Verifier()
			token := w.Post(t, "/oauth2/token", redemption(w.code("jwt", v), v, "client_id", "jwt")).Text("access_token")
			want("at first", token, true)
			claims := claimsOf(t, token)
			if i := about(token); i.Text("jti") != claims.ID || i.Body["exp"] != float64(*claims.Expiry) || i.Body["iat"] != float64(*claims.IssuedAt) {
				t.Errorf("the JWT says %+v, and introspection %v", claims, i.Body)
			}
			dot := strings.LastIndex(token, ".")
			want("with another signature", token[:dot+1]+strings.Repeat("A", len(token)-dot-1), false)
			end(token)
			want(what, token, false)
			w.SetUserActive(t, w.ada.ID, true)
			w.SetAppState(t, "jwt", keyporter.AppActive)
		}
	})
}

// TestAnAppsOwnJWTIsKnown requires the same of a JWT that an app gets for itself, until its app gives it back.
func TestAnAppsOwnJWTIsKnown(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.app(keyporter.App{ID: "own", Authentication: keyporter.AppSecret, JWT: true, OwnTokens: true})
		client := []string{"client_id", "own", "client_secret", w.AppSecret(t, "own").Reveal()}
		token := w.Post(t, "/oauth2/token", keyportertest.With(url.Values{"grant_type": {"client_credentials"}}, client...)).Text("access_token")
		active := func() bool {
			a := w.Post(t, "/oauth2/introspect", keyportertest.With(url.Values{"token": {token}}, client...))
			known := w.Checker.Check(t.Context(), &verify.Request{Method: "GET", Path: "/Api/v6/envelopes", Authorization: []string{"Bearer " + token}}).Principal != nil
			if known != (a.Body["active"] == true) {
				t.Errorf("the gateway knows it: %v; introspection says %v", known, a.Body)
			}
			return known
		}
		if claims := claimsOf(t, token); !active() || claims.Subject != "own" {
			t.Errorf("%+v", claims)
		}
		w.Post(t, "/oauth2/revoke", keyportertest.With(url.Values{"token": {token}}, client...))
		if active() {
			t.Error("it works after its app gave it back")
		}
	})
}

// claimsOf reads a JWT without checking its signature.
func claimsOf(t testing.TB, token string) (claims jwt.Claims) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}
