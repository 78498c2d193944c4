package console_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// person is someone who signs in with the identity provider.
type person struct {
	subject  string
	email    string
	verified any
}

// identityProvider is an OpenID provider that signs in the person the test chooses, without asking.
type identityProvider struct {
	issuer string
	who    person
	asked  url.Values                                    // query of the last authorization request
	ago    time.Duration                                 // how long ago the person proved who they are
	silent bool                                          // it doesn't say when that was
	tamper func(http.ResponseWriter, *http.Request) bool // may answer a request itself, and returns whether it did
}

func newIdentityProvider(t *testing.T, callback string) *identityProvider {
	t.Helper()
	p := &identityProvider{}
	server := httptest.NewUnstartedServer(nil)
	p.issuer = "http://" + server.Listener.Addr().String()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{Key: key, KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
	claims := func(context.Context, *goidc.Grant) map[string]any {
		all := map[string]any{"email": p.who.email, "email_verified": p.who.verified}
		if !p.silent {
			all["auth_time"] = time.Now().Add(-p.ago).Unix()
		}
		return all
	}
	policy := goidc.NewPolicy("all", func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true },
		func(_ http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
			p.asked = r.URL.Query()
			s.Subject, s.GrantedScopes = p.who.subject, s.Scopes
			return goidc.StatusSuccess, nil
		})
	op, err := provider.New(p.issuer, nil, func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil },
		provider.WithAuthCodeGrant(nil), provider.WithScopes(goidc.ScopeOpenID, goidc.ScopeEmail), provider.WithPKCERequired(goidc.CodeChallengeMethodSHA256),
		provider.WithIDTokenSignatureAlgs(goidc.ES256), provider.WithIDTokenClaims(claims), provider.WithSecretBasicAuthn(),
		provider.WithIssuerResponseParameter(), provider.WithPolicies(policy),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewJWTTokenOptions(goidc.ES256, 60)
		}),
		provider.WithStaticClients(&goidc.Client{ID: "keyporter", Secret: "very-secret", ClientMeta: goidc.ClientMeta{
			RedirectURIs: []string{callback}, ScopeIDs: "openid email", TokenAuthnMethod: goidc.AuthnMethodSecretBasic,
			GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode}, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode},
		}}))
	if err != nil {
		t.Fatal(err)
	}
	handler := op.Handler()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.tamper == nil || !p.tamper(w, r) {
			handler.ServeHTTP(w, r)
		}
	})
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// signIn goes to the provider and returns the path and query that it sends the browser back to.
func (p *identityProvider) signIn(t *testing.T, page answer) string {
	t.Helper()
	_, rest, ok := strings.Cut(page.body, `content="0;url=`)
	if !ok {
		t.Fatalf("the page doesn't lead to the provider: %d %s", page.status, page.body)
	}
	to, _, _ := strings.Cut(rest, `"`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, html.UnescapeString(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("the provider answers %s", res.Status)
	}
	return back.RequestURI()
}

func TestSigningInWithAProvider(t *testing.T) {
	s := newSite(t)
	acme := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAdministrator)
	other := keyportertest.User(t, s.Control, "Globex", "bob@globex.example", keyporter.RoleAdministrator)
	op := newIdentityProvider(t, s.url+"/sign-in/callback")
	operator := s.signIn(t, s.operator(t, other.OrganizationID, "operator@globex.example"))
	settings := "/organizations/" + string(acme.OrganizationID) + "/sign-in"

	if a := s.nobody(t).get("/sign-in"); strings.Contains(a.body, "organization’s account") {
		t.Error("the page offers to sign in with a provider, but there is none")
	}
	operator.get(settings).want(t, 200, "Add a provider", s.url+"/sign-in/callback")
	operator.post(settings, "name", "Acme login", "issuer", "http://login.example", "client", "keyporter", "secret", "x", "domains", "acme.example").want(t, 422, "Enter the provider’s address")
	operator.post(settings, "name", "Acme login", "issuer", op.issuer, "client", "keyporter", "secret", "x", "domains", "acme").want(t, 422, "“acme” isn’t a domain")
	operator.post(settings, "name", "Acme login", "issuer", op.issuer, "client", "keyporter", "domains", "acme.example").want(t, 422, "Enter the client secret")
	operator.post(settings, "name", "Acme login", "issuer", op.issuer, "client", "keyporter", "secret", "very-secret", "domains", "Acme.example, acme.test", "role", "api_user").wantRedirect(t, settings+"?done=provider")
	if a := operator.get(settings); strings.Contains(a.body, "very-secret") || !strings.Contains(a.body, "acme.example acme.test") {
		t.Errorf("the settings are %s", a.body)
	}
	operator.post("/organizations/"+string(other.OrganizationID)+"/sign-in", "name", "Thief", "issuer", op.issuer, "client", "keyporter", "secret", "x", "domains", "acme.test").
		want(t, 409, "belongs to another organization")

	viaProvider := func(login string) (*visitor, answer) {
		v := s.nobody(t)
		return v, v.get(op.signIn(t, v.post("/sign-in/provider", "login", login, "next", "/tokens")))
	}

	t.Run("a new person becomes a user with the role", func(t *testing.T) {
		op.who = person{"1", "New@acme.test", true}
		v, a := viaProvider("new@acme.test")
		a.wantRedirect(t, "/tokens")
		v.get("/tokens").want(t, 200, "New@acme.test", "Add new API Token")
		if op.asked.Get("login_hint") != "new@acme.test" || op.asked.Get("code_challenge_method") != "S256" {
			t.Errorf("the provider was asked %v", op.asked)
		}
		op.who.email = "renamed@acme.test"
		v, a = viaProvider("renamed@acme.test")
		a.wantRedirect(t, "/tokens")
		v.get("/tokens").want(t, 200, "New@acme.test") // the subject shows that it is the same person
	})
	t.Run("an existing user is found by their email address, and enters their password once", func(t *testing.T) {
		op.who = person{"2", "ADA@acme.example", "true"}
		v, a := viaProvider("ada@acme.example")
		a.want(t, 200, "Connect your account", "ada@acme.example", `value="/tokens"`)
		v.get("/tokens").wantRedirect(t, "/sign-in")
		s.nobody(t).post("/sign-in/join", "password", keyportertest.Password).want(t, 422, "started in another browser")
		v.post("/sign-in/join", "password", "wrong", "next", "/tokens").want(t, 401, "The login name or password is wrong", "ADA@acme.example", `value="/tokens"`)
		v.post("/sign-in/join", "password", keyportertest.Password, "next", "/tokens").wantRedirect(t, "/tokens")
		v.get("/users").want(t, 200, "ada@acme.example")
		_, a = viaProvider("ada@acme.example")
		a.wantRedirect(t, "/tokens") // once is enough
		op.who.subject = "3"
		_, a = viaProvider("ada@acme.example")
		a.want(t, 403, "doesn’t let you in") // another person has taken over the address
	})
	for name, who := range map[string]person{
		"an unverified address":                      {"4", "x@acme.test", false},
		"an address that may be unverified":          {"5", "x@acme.test", nil},
		"an address of another domain":               {"6", "x@globex.example", true},
		"a user of another organization":             {"7", "bob@globex.example", true},
		"an operator elsewhere":                      {"8", "operator@globex.example", true},
		"no address":                                 {"9", "", true},
		"an address with the domain somewhere in it": {"10", "x@acme.test@evil.example", true},
	} {
		t.Run(name+" isn't let in", func(t *testing.T) {
			op.who = who
			v, a := viaProvider("x@acme.test")
			if a.status != 403 {
				t.Errorf("%d %s", a.status, a.location)
			}
			v.get("/tokens").wantRedirect(t, "/sign-in")
		})
	}
	t.Run("passwords can be switched off", func(t *testing.T) {
		operator.post(settings+"/passwords").wantRedirect(t, settings+"?done=sign-in")
		s.nobody(t).post("/sign-in", "login", "ada@acme.example", "password", keyportertest.Password).want(t, 403, "doesn’t use passwords")
		op.who = person{"2", "ada@acme.example", true}
		_, a := viaProvider("ada@acme.example")
		a.wantRedirect(t, "/tokens")
		operator.get(settings+"/delete").want(t, 200, "Remove “Acme login”?")
		operator.post(settings+"/delete").wantRedirect(t, settings+"?done=deleted")
		s.signIn(t, acme)
	})
}

func TestForgedProviderSignIns(t *testing.T) {
	s, op, _ := acmeWithProvider(t)
	begin := func() (*visitor, string) {
		v := s.nobody(t)
		return v, op.signIn(t, v.post("/sign-in/provider", "login", "ada@acme.example", "next", "https://evil.example/"))
	}
	v, back := begin()
	stranger, _ := begin()
	s.nobody(t).get(back).want(t, 422, "started in another browser")
	stranger.get(back).want(t, 422, "started elsewhere")
	v.get(strings.Replace(back, "iss=", "iss=https%3A%2F%2Fevil.example%2F&x=", 1)).want(t, 422, "started elsewhere")

	v, back = begin()
	v.get(strings.Replace(back, "iss=", "x=", 1)).want(t, 422, "started elsewhere") // the metadata says that there is always one
	v, back = begin()
	s.Clock.Advance(11 * time.Minute)
	v.get(back).want(t, 422, "took too long")

	v, back = begin()
	a := v.get(back)
	if a.status != http.StatusSeeOther || a.location != "/tokens" {
		t.Errorf("next leads to %d %q", a.status, a.location)
	}
	v.get(back).want(t, 422) // the cookie and the code only work once

	v, back = begin()
	op.tamper = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		// Unsigned: its alg is none.
		_, _ = w.Write([]byte(`{"access_token":"x","token_type":"Bearer","id_token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}`))
		return true
	}
	v.get(back).want(t, 403, "an answer we can’t trust")
}

// TestASilentProviderSignInIsNotFresh has a stranger use a browser that is signed in at the provider:
// when they sign out and in again, the provider doesn't ask who they are.
func TestASilentProviderSignInIsNotFresh(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	keyportertest.OrganizationToken(t, s.Control, ada, "Old")
	op := newIdentityProvider(t, s.url+"/sign-in/callback")
	p, err := s.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
		OrganizationID: ada.OrganizationID, Name: "Acme login", Issuer: op.issuer, ClientID: "keyporter", Domains: []string{"acme.example"},
	}, "very-secret")
	if err != nil {
		t.Fatal(err)
	}
	s.Vouch(t, p, "1", ada)
	op.who = person{"1", ada.Login, true}
	for _, c := range []struct {
		name   string
		ago    time.Duration
		silent bool
		again  string
		fresh  bool
	}{
		{"proved it just now", 0, false, "", true},
		{"proved it an hour ago", time.Hour, false, "", false},
		{"the provider doesn't say when", 0, true, "", false},
	} {
		op.ago, op.silent = c.ago, c.silent
		v := s.nobody(t)
		v.get(op.signIn(t, v.post("/sign-in/provider", "login", ada.Login, "again", c.again))).wantRedirect(t, "/tokens")
		if a := v.get("/tokens/new?kind=organization"); (a.status == http.StatusOK) != c.fresh {
			t.Errorf("%s: %d %s", c.name, a.status, a.location)
		}
	}
	v := s.nobody(t) // it was asked for a fresh sign-in, and doesn't say when that was
	v.get(op.signIn(t, v.post("/sign-in/provider", "login", ada.Login, "again", "1"))).want(t, 403, "didn’t say when you signed in, so")
}

func TestOrganizationTokensRequireAFreshSignIn(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	keyportertest.OrganizationToken(t, s.Control, ada, "Old")
	v := s.signIn(t, ada)
	v.get("/tokens/new?kind=organization").want(t, 200)
	s.Clock.Advance(11 * time.Minute)
	v.get("/tokens/new").want(t, 200)
	v.get("/tokens/new?kind=organization").wantRedirect(t, "/sign-in?again=1")
	refused := v.post("/tokens", "kind", "organization", "name", "New")
	refused.wantRedirect(t, "/sign-in")
	v.get(refused.location).want(t, 200, "Confirm it’s you", `value="ada@acme.example"`)
	v.post("/sign-in", "login", ada.Login, "password", "wrong", "again", "1", "next", "/tokens/new?kind=organization").want(t, 401, "Confirm it’s you")
	v.post("/sign-in", "login", ada.Login, "password", keyportertest.Password, "again", "1", "next", "/tokens/new?kind=organization").wantRedirect(t, "/tokens/new?kind=organization")
	v.get(v.post("/tokens", "kind", "organization", "name", "New").location).want(t, 200, "kpo_")
}

// TestPowerTakesAFreshSignInOnPages leads people through the confirmation, to the page they were on.
func TestPowerTakesAFreshSignInOnPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAdministrator)
	bob := keyportertest.User(t, s.Control, "Acme", "bob@acme.example", keyporter.RoleAPIUser)
	operator := s.operator(t, ada.OrganizationID, "operator@acme.example")
	v := s.signIn(t, operator)
	s.Clock.Advance(11 * time.Minute)
	user, settings := "/users/"+string(bob.ID), "/organizations/"+string(ada.OrganizationID)+"/sign-in"
	confirm := func(next string) string { return "/sign-in?again=1&next=" + url.QueryEscape(next) }
	for _, path := range []string{user + "/password", user + "/appoint", user + "/dismiss", settings, settings + "/delete"} {
		v.get(path).wantRedirect(t, confirm(path))
	}
	for path, next := range map[string]string{
		user + "/password": user + "/password", user + "/appoint": user + "/appoint", settings: settings, settings + "/delete": settings + "/delete", settings + "/passwords": settings,
	} {
		v.post(path, "password", keyportertest.Password).wantRedirect(t, "/sign-in?again=1&ended=1&next="+url.QueryEscape(next))
	}
	v.post(user+"/roles", "role", string(keyporter.RoleAdministrator), "shown", string(keyporter.RoleAPIUser)).wantRedirect(t, "/sign-in?again=1&ended=1&next="+url.QueryEscape(user))
	v.post("/users", "login", "new@acme.example", "password", keyportertest.Password, "role", string(keyporter.RoleAdministrator)).wantRedirect(t, "/sign-in?again=1&ended=1&next="+url.QueryEscape("/users/new"))
	v.post("/sign-in", "login", operator.Login, "password", keyportertest.Password, "again", "1", "next", user+"/appoint").wantRedirect(t, user+"/appoint")
	v.post(user+"/appoint").wantRedirect(t, user+"?done=appointed")

	self := "/users/" + string(operator.ID) + "/password"
	v.get(self).want(t, 200, "Current password")
	v.post(self, "password", "another long password", "old", "wrong").want(t, 422, "This isn’t your current password.")
	v.post(self, "password", "another long password", "old", keyportertest.Password).wantRedirect(t, "/users/"+string(operator.ID)+"?done=password")
}
