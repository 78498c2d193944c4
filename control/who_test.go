package control_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// provider gives the organization of Acme a provider for the domain acme.example.
func (w *world) provider(t *testing.T, change func(*keyporter.IdentityProvider)) keyporter.IdentityProvider {
	t.Helper()
	p := keyporter.IdentityProvider{
		OrganizationID: w.ada.OrganizationID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter",
		Domains: []string{"acme.example"}, RoleID: keyporter.RoleAPIUser,
	}
	if change != nil {
		change(&p)
	}
	p, err := w.Control.SetIdentityProvider(t.Context(), keyporter.Command(), p, "very secret")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// byProvider signs somebody in at a provider.
func (w *world) byProvider(t *testing.T, p keyporter.IdentityProvider, subject, email string) (cookie string, err error) {
	t.Helper()
	return w.Control.SignInByProvider(t.Context(), keyportertest.Nobody(), control.Identity{Provider: p, Subject: subject, Email: email, Verified: true, ProvedAt: w.Clock.Now()})
}

// TestASessionEndsWithWhatOpenedIt has someone keep a session after the way they signed in was closed.
func TestASessionEndsWithWhatOpenedIt(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command, acme := t.Context(), keyporter.Command(), w.ada.OrganizationID
		session := func(cookie string) error {
			_, err := w.Control.Session(ctx, keyportertest.Nobody(), cookie)
			return err
		}
		p := w.provider(t, nil)
		byPassword, err := w.Control.SignIn(ctx, keyportertest.Nobody(), control.SignIn{Login: w.ada.Login, Password: keyportertest.Password})
		wantKind(t, err, noError)
		fromProvider := func() string {
			cookie, err := w.byProvider(t, p, "1", "new@acme.example")
			wantKind(t, err, noError)
			wantKind(t, session(cookie), noError)
			return cookie
		}
		atProvider := fromProvider()

		w.provider(t, func(p *keyporter.IdentityProvider) { p.Name, p.RoleID = "Another name", "" })
		wantKind(t, session(byPassword), noError)
		wantKind(t, session(atProvider), noError)
		wantKind(t, w.Control.SetPasswords(ctx, command, acme, false), noError)
		wantKind(t, session(byPassword), keyporter.Unauthorized)
		wantKind(t, session(atProvider), noError)
		wantKind(t, w.Control.SetPasswords(ctx, command, acme, true), noError)

		for what, change := range map[string]func(*keyporter.IdentityProvider){
			"issuer":    func(p *keyporter.IdentityProvider) { p.Issuer += "/other" },
			"client ID": func(p *keyporter.IdentityProvider) { p.ClientID += "-other" },
		} {
			p = w.provider(t, nil)
			cookie := fromProvider()
			w.provider(t, change)
			if keyporter.KindOf(session(cookie)) != keyporter.Unauthorized {
				t.Errorf("a session goes on after the %s of its provider changed", what)
			}
		}
		p = w.provider(t, nil)
		cookie := fromProvider()
		wantKind(t, w.Control.DeleteIdentityProvider(ctx, command, acme), noError)
		wantKind(t, session(cookie), keyporter.Unauthorized)
		w.provider(t, nil) // the same settings, and yet another provider
		wantKind(t, session(cookie), keyporter.Unauthorized)
	})
}
