package oauth_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestATokenGivenBackWhileItDoesNotWorkNeverWorksAgain has an app give its tokens back while
// the organization allows no apps. It hears that they are revoked, so a thief must not find them
// working when the organization allows apps again.
func TestATokenGivenBackWhileItDoesNotWorkNeverWorksAgain(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		access, refresh, other := w.tokens(), w.tokens(), w.tokens()
		w.SetAppPolicy(t, w.ada.OrganizationID, keyporter.NoApps)
		for _, token := range []string{access.Text("access_token"), refresh.Text("refresh_token")} {
			if a := w.Post(t, "/oauth2/revoke", url.Values{"token": {token}, "client_id": {"public"}}); a.Status != http.StatusOK {
				t.Errorf("%v", a)
			}
		}
		w.SetAppPolicy(t, w.ada.OrganizationID, keyporter.AllApps)
		if w.works(access.Text("access_token")) || w.works(refresh.Text("access_token")) {
			t.Error("an access token works again")
		}
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(refresh.Text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
		if !w.works(other.Text("access_token")) {
			t.Error("a token that wasn't given back doesn't work")
		}
	})
}

// TestAJWTIsIssuedOnlyIfACheckWouldAcceptIt has a user lose what a check requires, while an
// app keeps refreshing: Keyporter doesn't check its JWTs when an API accepts them.
func TestAJWTIsIssuedOnlyIfACheckWouldAcceptIt(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		ctx, me := t.Context(), keyporter.Command()
		w.app(keyporter.App{ID: "jwt", Authentication: keyporter.AppSecret, JWT: true, OwnTokens: true, OrganizationID: w.ada.OrganizationID})
		client := []string{"client_id", "jwt", "client_secret", w.AppSecret(t, "jwt").Reveal()}
		v := keyportertest.Verifier()
		got := w.Post(t, "/oauth2/token", redemption(w.code("jwt", v), v, client...))
		refresh := func(change ...string) keyportertest.Answer {
			a := w.Post(t, "/oauth2/token", keyportertest.With(refreshing(got.Text("refresh_token"), client...), change...))
			if a.Status == http.StatusOK {
				got = a
			}
			return a
		}
		own := func() keyportertest.Answer {
			return w.Post(t, "/oauth2/token", keyportertest.With(url.Values{"grant_type": {"client_credentials"}}, client...))
		}
		check := func(what string, user, app bool) {
			t.Helper()
			for how, c := range map[string]struct {
				a    keyportertest.Answer
				want bool
			}{
				"to call an API": {refresh(), user}, "to sign in": {refresh("scope", "openid"), true}, "of its own": {own(), app},
			} {
				if issued := c.a.Status == http.StatusOK; issued != c.want || !issued && c.a.Text("error") != "invalid_grant" {
					t.Errorf("%s, %s: %v", what, how, c.a)
				}
			}
		}
		check("at first", true, true)
		for what, c := range map[string]struct {
			away, back func() error
			app        bool
		}{
			"without the permission": {
				func() error { return w.Control.SetUserRoles(ctx, me, w.ada.ID, nil) },
				func() error { return w.Control.SetUserRoles(ctx, me, w.ada.ID, []keyporter.ID{keyporter.RoleAPIUser}) }, true,
			},
			"without the feature": {
				func() error { return w.Control.WithdrawFlag(ctx, me, w.ada.OrganizationID, keyporter.FlagAPI) },
				func() error { return w.Control.GrantFlag(ctx, me, w.ada.OrganizationID, keyporter.FlagAPI) }, false,
			},
		} {
			if err := c.away(); err != nil {
				t.Fatal(err)
			}
			check(what, false, c.app)
			if err := c.back(); err != nil {
				t.Fatal(err)
			}
			check("with what was taken away: "+what, true, true)
		}
		if err := w.Control.DisableOrganization(ctx, me, w.ada.OrganizationID); err != nil {
			t.Fatal(err)
		}
		keyportertest.Refused(t, own(), http.StatusBadRequest, "invalid_grant")
		keyportertest.Refused(t, refresh(), http.StatusBadRequest, "invalid_grant")
	})
}

// TestASuspendedAppCannotBecomeAnotherOne has an app change its registration while an operator
// has suspended it. Resuming it must not let something work that nobody approved.
func TestASuspendedAppCannotBecomeAnotherOne(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address, func(c *keyportertest.DoorsForApps) { c.Register = true })
		d := &dynamic{w}
		a := d.send(http.MethodPost, w.URL+"/oauth2/register", "", map[string]any{"redirect_uris": []string{callback}, "token_endpoint_auth_method": "none"})
		id, at, token := keyporter.ID(a.Text("client_id")), a.Text("registration_client_uri"), a.Text("registration_access_token")
		w.SetAppState(t, id, keyporter.AppActive)
		w.SetAppState(t, id, keyporter.AppSuspended)
		changed := map[string]any{"client_id": string(id), "redirect_uris": []string{"https://evil.example/cb"}, "token_endpoint_auth_method": "none"}
		keyportertest.Refused(t, d.send(http.MethodPut, at, token, changed), http.StatusForbidden, "access_denied")
		if b := d.send(http.MethodGet, at, token, nil); b.Status != http.StatusOK {
			t.Errorf("it can't read its registration: %v", b)
		}
		if err := w.Control.ResumeApp(t.Context(), keyporter.Command(), id); err != nil {
			t.Fatal(err)
		}
		d.wantPage(string(id), "https://evil.example/cb")
		d.code(string(id), keyportertest.Verifier())
	})
}

// TestACodeIsWorthlessOnceItsRedirectURIIsRemoved has an attacker add an address to an app,
// get a code there, and redeem it after the address was noticed and removed.
func TestACodeIsWorthlessOnceItsRedirectURIIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	const evil = "https://evil.example/cb"
	w.app(keyporter.App{ID: "hijacked", Name: "Hijacked", Publisher: "Tagworks", Authentication: keyporter.AppPublic, RedirectURIs: []string{callback, evil}})
	v := keyportertest.Verifier()
	code := w.code("hijacked", v, "redirect_uri", evil)
	app, err := w.Grants.App(t.Context(), "hijacked")
	if err != nil {
		t.Fatal(err)
	}
	app.RedirectURIs = []string{callback}
	if _, err := w.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
		t.Fatal(err)
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v, "client_id", "hijacked", "redirect_uri", evil)), http.StatusBadRequest, "invalid_grant")
}

// TestAKeyForEncryptionSignsNothing has a thief sign an assertion with an app's decryption key.
// The app's key set says that the key is for encryption (RFC 7517 §4.2).
func TestAKeyForEncryptionSignsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for use, status := range map[string]int{"sig": http.StatusOK, "": http.StatusOK, "enc": http.StatusUnauthorized} {
		key := newSigner(t)
		key.jwk.Use, key.jwk.Algorithm = use, ""
		keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.jwk}})
		if err != nil {
			t.Fatal(err)
		}
		id := keyporter.ID("signs-" + use)
		w.app(keyporter.App{ID: id, Authentication: keyporter.AppKey, OwnTokens: true, Keys: string(keys)})
		assertion := key.sign(t, map[string]any{"iss": id, "sub": id, "aud": w.URL, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}, "JWT")
		a := w.Post(t, "/oauth2/token", url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
		})
		if a.Status != status || status != http.StatusOK && !strings.Contains(a.Text("error"), "invalid_client") {
			t.Errorf("a key for %q: %v", use, a)
		}
	}
}
