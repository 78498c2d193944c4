package oauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// conformance is what the modules of the OpenID conformance suite run in. We wrote them from
// scratch, by the purpose of each, and under the suite's names. docs/reference/conformance.md
// lists them, and those that are left out.
type conformance struct {
	*world

	fapi *signer // has the keys of the app "fapi"
}

// module is a module of the suite.
type module func(*conformance, *testing.T)

func runModules(t *testing.T, modules map[string]module) {
	t.Helper()
	w := newWorld(t, keyportertest.Database(t))
	c := &conformance{world: w, fapi: newSigner(t)}
	w.app(keyporter.App{ID: "fapi", Authentication: keyporter.AppKey, Keys: keySet(t, c.fapi)})
	w.tokens() // ada allows the app, as in the suite's first module
	for name, run := range modules {
		t.Run(name, func(t *testing.T) {
			own := *w
			own.t, own.person = t, w.SignIn(t, w.ada)
			run(&conformance{&own, c.fapi}, t)
		})
	}
}

// flow runs a whole code grant of the public app. change applies to the request.
func (c *conformance) flow(change ...string) keyportertest.Answer {
	c.t.Helper()
	return c.tokens(change...)
}

// idToken checks an ID token as any client does, and returns its claims.
func (c *conformance) idToken(a keyportertest.Answer, app string) (claims map[string]any) {
	c.t.Helper()
	ctx := context.WithoutCancel(c.t.Context())
	provider, err := oidc.NewProvider(ctx, c.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: app, SupportedSigningAlgs: []string{oidc.RS256}, Now: c.Clock.Now}).Verify(ctx, a.Text("id_token"))
	if err == nil {
		err = token.Claims(&claims)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return claims
}

// succeeds requires a request with these parameters to work like one without.
func succeeds(change ...string) module {
	return func(c *conformance, t *testing.T) {
		if sub := c.idToken(c.flow(change...), "public")["sub"]; sub != string(c.ada.ID) {
			t.Errorf("sub is %v", sub)
		}
	}
}

// fails requires a request with these parameters to be refused at the app with this error.
func fails(code string, change ...string) module {
	return func(c *conformance, t *testing.T) { c.wantError(c.ask(c.person, change...), code) }
}

func (c *conformance) wantError(to *url.URL, code string) {
	c.t.Helper()
	q := to.Query()
	if !strings.HasPrefix(to.String(), callback+"?") || q.Get("error") != code || q.Get("state") != "st" || q.Get("iss") != c.URL || q.Has("code") {
		c.t.Errorf("led to %s, want %s", to, code)
	}
}

// wantPage requires a request to be refused on a page of ours, and not at the app.
func (c *conformance) wantPage(params url.Values) {
	c.t.Helper()
	if to, status, _ := c.person.Browse(c.t, "/oauth2/authorize?"+params.Encode()); status != http.StatusBadRequest || to.String() != "" {
		c.t.Errorf("%d, led to %q", status, to)
	}
}

// signInAgain has ada sign in again, as a request of the public app requires, and returns what
// the app gets.
func (c *conformance) signInAgain(change ...string) keyportertest.Answer {
	c.t.Helper()
	v := keyportertest.Verifier()
	to, _, _ := c.person.Browse(c.t, "/oauth2/authorize?"+request("public", v, change...).Encode())
	id, asks := strings.CutPrefix(to.Path, "/connect/")
	if !asks {
		c.t.Fatalf("she isn't asked: %s", to)
	}
	consent, err := c.Control.Consent(c.t.Context(), c.person.Actor, id, c.person.Cookie())
	if err != nil || !consent.SignInAgain {
		c.t.Fatalf("she doesn't have to sign in again: %+v, %v", consent, err)
	}
	again, at := c.SignIn(c.t, c.ada), c.address()
	c.person.Jar.SetCookies(at, again.Jar.Cookies(at))
	c.person.Actor = again.Actor
	return c.Post(c.t, "/oauth2/token", redemption(c.person.Allow(c.t, to).Get("code"), v))
}

func (c *conformance) address() *url.URL {
	at, err := url.Parse(c.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	return at
}

// keySet returns the JWK Set of an app that signs with this key.
func keySet(t testing.TB, s *signer) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.jwk}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
