package clients

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// acme is an organization whose users sign in at a third-party provider.
type acme struct {
	*keyportertest.Program

	t        *testing.T
	id       keyporter.ID
	provider string
}

func newAcme(t *testing.T) *acme {
	t.Helper()
	a := &acme{Program: keyportertest.StartProgram(t, nil), t: t}
	a.id = keyportertest.User(t, a.Control, "Acme", login, keyporter.RoleAPIUser).OrganizationID
	a.provider = startOracle(t, a.Certificate, a.Key, []map[string]any{{
		"client_id": "keyporter", "client_secret": "very-secret", "redirect_uris": []string{a.URL + "/sign-in/callback"}, "grant_types": []string{"authorization_code"},
	}})
	_, err := a.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
		OrganizationID: a.id, Name: "Acme login", Issuer: a.provider, ClientID: "keyporter", Domains: []string{"acme.example"}, RoleID: keyporter.RoleAPIUser,
	}, "very-secret")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// visitor returns a user who signs in through that provider, and then sees their tokens.
func (a *acme) visitor(login string) *keyportertest.Visitor {
	v := keyportertest.NewVisitor(a.t, login, keyportertest.Trust(a.t, a.Certificate))
	v.Press, v.Ends = []string{"/sign-in/provider", "allow"}, []string{"Add new API Token"}
	return v
}

// enter opens an address of Keyporter, and requires that the visitor sees a text in the end.
func (a *acme) enter(v *keyportertest.Visitor, path, sees string) {
	a.t.Helper()
	v.Ends = []string{sees}
	if _, err := v.Visit(a.t.Context(), a.URL+path, "nowhere:"); err != nil {
		a.t.Errorf("the visitor doesn't see %q: %v", sees, err)
	}
}

func TestSigningInAtAThirdPartyProvider(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	t.Run("a new person becomes a user with the role", func(*testing.T) {
		a.enter(a.visitor("new@acme.example"), "/tokens", "Add new API Token")
		u, err := a.DB.UserByLogin(t.Context(), "new@acme.example")
		if err != nil || u.OrganizationID != a.id || len(u.RoleIDs) != 1 || u.RoleIDs[0] != keyporter.RoleAPIUser {
			t.Errorf("%+v, %v", u, err)
		}
	})
	t.Run("an existing user is found by the address", func(*testing.T) {
		a.enter(a.visitor(login), "/tokens", "Add new API Token")
	})
	t.Run("an unverified address proves nothing", func(*testing.T) {
		a.enter(a.visitor("unverified@acme.example"), "/tokens", "hasn’t verified your email address")
	})
	t.Run("a person who cancels at the provider isn't signed in", func(*testing.T) {
		v := a.visitor(login)
		v.Press = append(v.Press, "[ Cancel ]")
		a.enter(v, "/tokens", "didn’t sign you in")
	})
	t.Run("passwords can be switched off", func(*testing.T) {
		if err := a.Control.SetPasswords(t.Context(), keyporter.Command(), a.id, false); err != nil {
			t.Fatal(err)
		}
		v := a.visitor(login)
		v.Press = nil
		a.enter(v, "/tokens", "doesn’t use passwords")
		a.enter(a.visitor(login), "/tokens", "Add new API Token")
	})
}

// TestAFreshSignInAtAThirdPartyProvider requires the provider to ask for the password, even though
// it still knows the user.
func TestAFreshSignInAtAThirdPartyProvider(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	v := a.visitor(login)
	asked := 0
	v.Seen = func(at *url.URL, body string) {
		if strings.HasPrefix(at.String(), a.provider) && strings.Contains(body, `type="password"`) {
			asked++
		}
	}
	a.enter(v, "/tokens", "Add new API Token")
	a.enter(v, "/sign-in?next=/tokens", "Add new API Token")
	if asked != 1 {
		t.Errorf("the provider asked for the password %d times, not once", asked)
	}
	a.enter(v, "/sign-in?fresh=1&next=/tokens", "Add new API Token")
	if asked != 2 {
		t.Error("the provider didn't ask for the password again")
	}
}

// TestAnAppOfAUserWhoSignsInElsewhere goes from an app to Keyporter, on to the provider, and all the
// way back.
func TestAnAppOfAUserWhoSignsInElsewhere(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	app := a.App(t, keyporter.App{Authentication: keyporter.AppPublic, RedirectURIs: []string{callback}})
	config := oauth2.Config{
		ClientID: string(app.ID), RedirectURL: callback, Scopes: []string{"envelope.read"},
		Endpoint: oauth2.Endpoint{AuthURL: a.URL + "/oauth2/authorize", TokenURL: a.URL + "/oauth2/token"},
	}
	v := a.visitor("new@acme.example")
	v.Ends = nil
	verifier := oauth2.GenerateVerifier()
	back, err := v.Visit(t.Context(), config.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier)), callback)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{certificate: a.Certificate}
	token, err := config.Exchange(oauth2Context(t, p.client(t)), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil || !token.Valid() {
		t.Errorf("%v: %+v, %v", back, token, err)
	}
}
