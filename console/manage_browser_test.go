package console_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestSignInSettings(t *testing.T) {
	s := newSite(t)
	acme := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAdministrator)
	beta := keyportertest.User(t, s.Control, "Beta", "bert@beta.example", keyporter.RoleAdministrator)
	operator := s.operator(t, beta.OrganizationID, "operator@beta.example") // a session of Acme's would end with its passwords
	settings := s.url + "/organizations/" + string(acme.OrganizationID) + "/sign-in"

	b := s.openBrowser(t, operator)
	b.Open(settings)
	b.Look("organization-sign-in-new")
	for field, text := range map[string]string{
		"name": "Acme login", "issuer": "https://login.acme.example", "client": "keyporter", "secret": "very-secret", "domains": "acme.example acme.test",
	} {
		b.Fill("#"+field, text)
	}
	b.Click("form.wide button.main")
	b.Wait("document.querySelector('.done')")
	b.Look("organization-sign-in")
	b.Click("[aria-label=Passwords]")
	b.Wait("document.querySelector('[aria-label=Passwords][aria-checked=false]')")
	b.Open(s.url + "/organizations/" + string(acme.OrganizationID))
	b.Wait("document.querySelector('[aria-labelledby=sign-in]')")
	wantText(t, b, "[aria-labelledby=sign-in]", "At Acme login", "acme.example, acme.test", "Passwords are off")
	b.Look("organization-with-provider")
	b.Open(s.url + "/sign-in?fresh=1")
	b.Wait("document.querySelector('form #login')")
	wantText(t, b, "form", "Your organization’s account")
	b.Look("sign-in-with-provider")
}

func TestAdministratorsSeeUsersTokens(t *testing.T) {
	s := newSite(t)
	ada, _ := s.ada(t)
	keyportertest.Token(t, s.Control, ada, "Nightly export")
	keyportertest.Token(t, s.Control, ada, "Archive of all contracts that were signed since 1998, for the auditors in the other building")
	b := s.openBrowser(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	b.Open(s.url + "/users/" + string(ada.ID))
	b.Click("[aria-labelledby=tokens] a.button")
	b.Wait("location.pathname.endsWith('/tokens') && document.querySelector('.token')")
	b.Look("user-tokens")
	b.Click(".token .switch")
	b.Wait("document.querySelector('.token .switch[aria-checked=false]')")
	b.Click(".token .more summary")
	b.Click(".token a[href*='/delete']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.querySelectorAll('.token').length === 1")
	wantText(t, b, ".token", "Nightly export")
}
