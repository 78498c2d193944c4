package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
)

// acmeWithProvider returns a site where Acme's user Ada signs in at the provider.
func acmeWithProvider(t *testing.T) (*site, *identityProvider, keyporter.User) {
	t.Helper()
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	op := newIdentityProvider(t, s.url+"/sign-in/callback")
	op.who = person{"1", ada.Login, true}
	p, err := s.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
		OrganizationID: ada.OrganizationID, Name: "Acme login", Issuer: op.issuer, ClientID: "keyporter", Domains: []string{"acme.example"},
	}, "very-secret")
	if err != nil {
		t.Fatal(err)
	}
	s.Vouch(t, p, "1", ada)
	return s, op, ada
}

// idToken is what a forged ID token is made of.
type idToken struct {
	claims map[string]any
	alg    jose.SignatureAlgorithm
	key    any
}

// TestForgedIDTokens has a provider send ID tokens that are wrong in one way each (OpenID Connect
// Core §3.1.3.7).
func TestForgedIDTokens(t *testing.T) {
	t.Parallel()
	s, op, ada := acmeWithProvider(t)
	noor := keyporter.User{ID: "noor", OrganizationID: ada.OrganizationID, Login: "noor@acme.example", Active: true} // has no password
	s.Insert(t, noor)
	key, stranger := newKey(t), newKey(t)
	var forge func(*idToken)
	op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "jwks"):
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
		case r.URL.Path == "/token":
			token := idToken{key: key, alg: jose.ES256, claims: map[string]any{
				"iss": op.issuer, "aud": "keyporter", "sub": "2", "nonce": op.asked.Get("nonce"), "email": noor.Login, "email_verified": true,
				"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			}}
			forge(&token)
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token.sign(t)})
		case r.URL.Path == "/userinfo":
			_ = json.NewEncoder(w).Encode(map[string]any{"sub": "3", "email": noor.Login, "email_verified": true})
		default:
			return false
		}
		return true
	}
	set := func(name string, value any) func(*idToken) {
		return func(token *idToken) { token.claims[name] = value }
	}
	for name, f := range map[string]func(*idToken){
		"":                         func(*idToken) {}, // it is good
		"another sign-in's nonce":  set("nonce", "another"),
		"no nonce":                 func(token *idToken) { delete(token.claims, "nonce") },
		"for another client":       set("aud", "another"),
		"for nobody":               func(token *idToken) { delete(token.claims, "aud") },
		"issued to another client": set("azp", "another"),
		"for several, issued to another": func(token *idToken) {
			token.claims["aud"], token.claims["azp"] = []string{"keyporter", "another"}, "another"
		},
		"from another issuer":     set("iss", "https://login.evil.example"),
		"expired":                 set("exp", time.Now().Add(-time.Hour).Unix()),
		"without an expiry":       func(token *idToken) { delete(token.claims, "exp") },
		"signed with another key": func(token *idToken) { token.key = stranger },
		"signed with the client's secret": func(token *idToken) {
			token.key, token.alg = []byte("very-secret, and long enough for HS256"), jose.HS256
		},
		"about nobody":                       set("sub", ""),
		"with another user's userinfo":       func(token *idToken) { delete(token.claims, "email") },
		"with an address that isn't theirs":  set("email_verified", false),
		"with an address in another domain":  set("email", "noor@beta.example"),
		"with an address that isn't vouched": func(token *idToken) { delete(token.claims, "email_verified") },
	} {
		forge = f
		s.Clock.Advance(time.Minute) // attempts are limited
		v := s.nobody(t)
		a := v.get(op.signIn(t, v.post("/sign-in/provider", "login", noor.Login)))
		if in := v.get("/tokens").status == http.StatusOK; in != (name == "") {
			t.Errorf("%q: signed in %v, %d %s", name, in, a.status, a.body)
		}
		if name == "" {
			// The next one is a first sign-in again, where the address counts.
			if err := s.Control.DeleteIdentityProvider(t.Context(), keyporter.Command(), ada.OrganizationID); err != nil {
				t.Fatal(err)
			}
			_, err := s.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
				OrganizationID: ada.OrganizationID, Name: "Acme login", Issuer: op.issuer, ClientID: "keyporter", Domains: []string{"acme.example"},
			}, "very-secret")
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (token *idToken) sign(t *testing.T) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: token.alg, Key: jose.JSONWebKey{Key: token.key, KeyID: "k"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := jwt.Signed(signer).Claims(token.claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return text
}

// wantDistrusted signs in at a provider, as far as its answers lead, and requires one not to be trusted.
func (p *identityProvider) wantDistrusted(t *testing.T, s *site, u keyporter.User) {
	t.Helper()
	v := s.nobody(t)
	page := v.post("/sign-in/provider", "login", u.Login)
	if strings.Contains(page.body, "http-equiv") {
		page = v.get(p.signIn(t, page))
	}
	page.want(t, 403, "an answer we can’t trust")
}

// TestAProviderCannotRedirectUs has each of a provider's endpoints redirect to another address,
// which must not see a code or the client's secret.
func TestAProviderCannotRedirectUs(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"} {
		s, op, ada := acmeWithProvider(t)
		op.who.email = "" // it is asked for at userinfo
		redirected, followed := false, 0
		op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.URL.Path == "/elsewhere": // on its own host, which it may name in its metadata
				followed++
			case strings.HasPrefix(r.URL.Path, endpoint):
				redirected = true
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			default:
				return false
			}
			return true
		}
		op.wantDistrusted(t, s, ada)
		if !redirected || followed > 0 {
			t.Errorf("%s: redirected %v, followed %d times", endpoint, redirected, followed)
		}
	}
}

// TestAProviderCannotMakeUsCallOthers has a provider's metadata name addresses that only we can reach.
func TestAProviderCannotMakeUsCallOthers(t *testing.T) {
	t.Parallel()
	var called atomic.Int32
	internal := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	t.Cleanup(internal.Close)
	for _, name := range []string{"token_endpoint", "jwks_uri", "userinfo_endpoint"} {
		s, op, ada := acmeWithProvider(t)
		op.who.email = ""
		metadata := map[string]any{
			"issuer": op.issuer, "authorization_endpoint": op.issuer + "/authorize", "token_endpoint": op.issuer + "/token", "jwks_uri": op.issuer + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		}
		metadata[name] = internal.URL
		read := false
		op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/.well-known") {
				return false
			}
			read = true
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(metadata)
			return true
		}
		v := s.nobody(t)
		v.get(op.signIn(t, v.post("/sign-in/provider", "login", ada.Login))).want(t, 403, "an answer we can’t trust")
		if !read || called.Load() > 0 {
			t.Errorf("%s: metadata read %v, internal address called %d times", name, read, called.Load())
		}
	}
}

// TestAProviderHasOneOrigin has metadata spell the issuer's host in other ways, and name another scheme or
// port of it: only what is the same origin is the issuer's own.
func TestAProviderHasOneOrigin(t *testing.T) {
	t.Parallel()
	for issuer, all := range map[string]map[string]string{
		"https://login.acme.example": {
			"https://login.acme.example/token": "anywhere", "https://LOGIN.acme.example:443/token": "anywhere", "https://login.acme.example:8443/token": "public",
			"https://login.acme.example./token": "public", "https://other.example/token": "public",
			"http://login.acme.example/token": "nowhere", "http://other.example/token": "nowhere",
		},
		"http://127.0.0.1:8080": {"http://127.0.0.1:8080/token": "anywhere", "http://127.0.0.1:8081/token": "public"},
	} {
		for address, want := range all {
			if got := console.Reach(issuer, address); got != want {
				t.Errorf("%s of the issuer %s may be %s, want %s", address, issuer, got, want)
			}
		}
	}
}

// TestAProviderPromisesToNameItself has a provider's metadata say in several ways that each of its answers
// has iss, and leaves it out.
func TestAProviderPromisesToNameItself(t *testing.T) {
	t.Parallel()
	for says, promises := range map[string]bool{
		"true": true, `"true"`: true, "1": true, `"yes"`: true, "{}": true,
		"false": false, `"false"`: false, "null": false,
	} {
		s, op, ada := acmeWithProvider(t)
		op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/.well-known") {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{
				"issuer": op.issuer, "authorization_endpoint": op.issuer + "/authorize", "token_endpoint": op.issuer + "/token", "jwks_uri": op.issuer + "/jwks",
				"id_token_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": json.RawMessage(says),
			})
			return true
		}
		v := s.nobody(t)
		back := op.signIn(t, v.post("/sign-in/provider", "login", ada.Login))
		a := v.get(strings.Replace(back, "iss=", "x=", 1))
		if refused := a.status == 422 && strings.Contains(a.body, "started elsewhere"); refused != promises || !refused && a.location != "/tokens" {
			t.Errorf("%s: %d %s %s", says, a.status, a.location, a.body)
		}
	}
}

// TestASlowProviderHoldsNobodyUp has a provider answer a byte a second, for a while after we must have
// given up, while someone else signs in.
func TestASlowProviderHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s, op, ada := acmeWithProvider(t)
	grace := keyportertest.User(t, s.Control, "Beta", "grace@beta.example", keyporter.RoleAPIUser)
	asked, gaveUp := make(chan struct{}), make(chan struct{})
	op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
		close(asked)
		for range 60 {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				close(gaveUp)
				return true
			case <-time.After(time.Second):
			}
		}
		return true
	}
	waiting := s.nobody(t)
	done := make(chan answer)
	go func() { done <- waiting.post("/sign-in/provider", "login", ada.Login) }()
	<-asked
	other := s.nobody(t)
	other.post("/sign-in", "login", grace.Login, "password", keyportertest.Password)
	other.get("/tokens").want(t, http.StatusOK, "API Tokens")
	select {
	case <-done:
		t.Error("the other sign-in waited for the provider")
	default:
	}
	(<-done).want(t, 403, "an answer we can’t trust")
	<-gaveUp
}

// TestAProviderCannotFillOurMemory has each of a provider's endpoints answer without an end, and with a
// header that is too long.
func TestAProviderCannotFillOurMemory(t *testing.T) {
	t.Parallel()
	s, op, ada := acmeWithProvider(t)
	op.tamper = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		return false
	}
	s.nobody(t).post("/sign-in/provider", "login", ada.Login).want(t, 403, "an answer we can’t trust")
	for _, endpoint := range []string{"/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"} {
		s, op, ada := acmeWithProvider(t)
		op.who.email = ""
		var sent atomic.Int64
		op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, endpoint) {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			for line := []byte(`{"x":"` + strings.Repeat("x", 1<<16)); sent.Load() < 1<<28; {
				n, err := w.Write(line)
				sent.Add(int64(n))
				if err != nil {
					break
				}
			}
			return true
		}
		op.wantDistrusted(t, s, ada)
		if n := sent.Load(); n == 0 || n > 1<<25 { // what is sent but not read stays in the network's buffers
			t.Errorf("%s: we took %d bytes", endpoint, n)
		}
	}
}

// TestSigningInEndsTheBrowsersLastSession has an attacker know a session's cookie from before
// somebody signs in again in the same browser.
func TestSigningInEndsTheBrowsersLastSession(t *testing.T) {
	s, op, ada := acmeWithProvider(t)
	v := s.signIn(t, ada)
	for _, way := range []func() answer{
		func() answer { return v.post("/sign-in", "login", ada.Login, "password", keyportertest.Password) },
		func() answer { return v.get(op.signIn(t, v.post("/sign-in/provider", "login", ada.Login))) },
	} {
		stolen := s.nobody(t)
		at, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		stolen.client.Jar.SetCookies(at, v.client.Jar.Cookies(at))
		stolen.get("/tokens").want(t, 200)
		way().wantRedirect(t, "/tokens")
		v.get("/tokens").want(t, 200)
		stolen.get("/tokens").wantRedirect(t, "/sign-in")
	}
}
