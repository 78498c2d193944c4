package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
)

func signIn(b *browser.Browser, info demoInfo, login string) {
	b.Open(info.URL + "/sign-in")
	b.Wait("document.activeElement.id === 'login'")
	b.Fill("#login", login)
	b.Fill("#password", info.password(login)+kb.Enter)
	b.Wait("location.pathname === '/tokens'")
}

// says fails the test unless the text of the first element that matches the selector contains these
// words.
func says(t *testing.T, b *browser.Browser, selector string, words ...string) {
	t.Helper()
	for _, w := range words {
		for deadline := time.Now().Add(time.Minute); !strings.Contains(b.Text(selector), w) && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond) // the page may still be loading
		}
		if !strings.Contains(b.Text(selector), w) {
			t.Errorf("%s doesn't say %q: %s", selector, w, b.Text(selector))
		}
	}
}

// open opens a page of the demo, whatever its status.
func open(b *browser.Browser, info demoInfo, path string) {
	b.Open(info.URL + path)
	b.Wait("document.readyState === 'complete' && document.querySelector('h1')")
}

func onPage(b *browser.Browser, path string) {
	b.Wait("document.readyState === 'complete' && location.pathname === '" + path + "'")
}

// TestARoleThatBlocks is an administrator's day: they create a role, assign it, preview it before
// saving, and cut off a token that is in use.
func TestARoleThatBlocks(t *testing.T) {
	d, info := runDemo(t)
	b := browser.New(t)
	answered(t, info, info.Token, "ada@acme.example")
	ada, err := d.srv.Control.UserByLogin(t.Context(), keyporter.Command(), "ada@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.srv.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{
		OrganizationID: ada.OrganizationID, Login: strings.Repeat("wolfgang.amadeus.", 5) + "mozart@long-names.department.acme.example", Password: keyportertest.Password,
		RoleIDs: []keyporter.ID{keyporter.RoleAPIUser, keyporter.RoleAuditor, keyporter.RoleDeveloper},
	})
	if err != nil {
		t.Fatal(err)
	}

	signIn(b, info, "olivia@acme.example")
	b.Click(".sections a[href='/users']")
	onPage(b, "/users")
	b.Look("users")
	b.Fill("input[type=search]", "GRACE"+kb.Enter)
	b.Wait("document.querySelectorAll('.row').length === 1")
	says(t, b, ".rows", "grace@acme.example", "Api User")
	b.Fill("input[type=search]", "nobody <b>"+kb.Enter)
	b.Wait("document.querySelector('main .vacant')")
	b.Look("users-none")

	b.Click(".sections a[href='/roles']")
	onPage(b, "/roles")
	b.Look("roles-predefined")
	b.Click(".hint a")
	onPage(b, "/roles/new")
	b.Fill("#name", "administrator")
	b.Click("form.panel .buttons .main")
	b.Wait("document.querySelector('#name[aria-invalid=true]')")
	b.Look("role-new-refused")
	b.Fill("#name", "Interns of the summer")
	// Set the three states by keyboard: Tab to the group, then the arrow keys.
	b.TabTo("[name='effect.api.use']")
	b.Press(kb.ArrowRight)
	b.Wait("document.querySelector('[name=\"effect.api.use\"]:checked').value === 'block'")
	b.Look("role-new")
	b.Press(kb.Enter)
	b.Wait("document.querySelector('.done')")
	role := strings.TrimPrefix(browser.Eval[string](b, "location.pathname"), "/roles/")
	if widths := browser.Eval[int](b, "new Set([...document.querySelectorAll('fieldset.choice')].map(f => f.offsetWidth)).size"); widths != 1 {
		t.Errorf("the permissions have %d widths, and don't stand one under the other", widths)
	}
	b.Look("role-made")

	// Assign it to Ada: the page shows the effect as soon as the role is chosen.
	open(b, info, "/users/"+string(ada.ID))
	b.Look("user")
	b.Click("[name=role][value='" + role + "']")
	b.Wait("document.querySelector('.preview .stop')")
	says(t, b, ".preview", "1 user loses", "1 token in use stops working", "Demo", "of ada@acme.example", "billing-sync 2.4", "api.use")
	b.Look("user-preview")
	answered(t, info, info.Token, "ada@acme.example")
	b.Click("form[data-preview] .main")
	b.Wait("document.querySelector('.done')")
	if status, body := whoAmI(t, info, info.Token); status != http.StatusForbidden || !strings.Contains(body, "blocks Use the API") {
		t.Errorf("the call got %d %s", status, body)
	}
	says(t, b, ".results tbody tr", "Use the API", "No", "Api User", "Interns of the summer")
	b.Look("user-blocked")
	b.Click(".results .blocks")
	onPage(b, "/roles/"+role)
	says(t, b, "[aria-labelledby=holders]", "ada@acme.example")

	// Change it while another user changes it, too.
	b.Click("[name='effect.api.use'][value=open]")
	b.Wait("document.querySelector('.preview .gains')")
	says(t, b, ".preview", "1 user gains", "0 tokens in use stop")
	b.Look("role-preview")
	_, err = d.srv.Control.UpdateRole(t.Context(), keyporter.Command(), keyporter.Role{ID: keyporter.ID(role), Version: 1, Name: "Interns", Effects: map[keyporter.Permission]keyporter.Effect{
		keyporter.PermissionUseAPI: keyporter.EffectBlock, keyporter.PermissionConnectApps: keyporter.EffectBlock,
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.Click("form.panel .buttons .main")
	b.Wait("document.querySelector('main [role=alert]')")
	says(t, b, "form.panel", "Someone else has changed this role", "You had chosen: Open", "You had entered “Interns of the summer”")
	b.Look("role-changed-meanwhile")
	b.Click("[name='effect.api.use'][value=open]")
	b.Click("form.panel .buttons .main")
	b.Wait("document.querySelector('.done')")
	answered(t, info, info.Token, "ada@acme.example")

	b.Click("form.panel .danger")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	says(t, b, "dialog", "Delete “Interns”?", "1 user gains")
	b.Look("role-delete")
	b.Click("dialog .destroy")
	onPage(b, "/roles")

	// What can't be done is explained before anyone tries.
	open(b, info, "/roles/administrator")
	b.Look("role-predefined")
	open(b, info, "/users")
	b.Wait("document.querySelector('.row')")
	b.Run("[...document.querySelectorAll('.row a')].find(a => a.innerText.startsWith('olivia')).click()")
	b.Wait("document.querySelector('.results')")
	b.Click("[name=role][value=administrator]")
	b.Wait("document.querySelector('.preview .error')")
	says(t, b, ".preview", "nobody could manage the users and roles of Acme")
	b.Look("user-last-administrator")

	open(b, info, "/users/nobody")
	says(t, b, "main", "There is no such user", "Back to Users")
	b.Look("user-not-found")
}

// TestAnOrganizationsDays has the operator create an organization, give it features and users, and
// suspend it.
func TestAnOrganizationsDays(t *testing.T) {
	_, info := runDemo(t)
	b := browser.New(t)
	signIn(b, info, "olivia@acme.example")
	b.Click(".sections a[href='/organizations']")
	onPage(b, "/organizations")
	b.Look("organizations")
	b.Click("a[href='/organizations/new']")
	b.Wait("document.activeElement.id === 'organization'")
	b.Look("organization-new")
	b.Fill("#organization", "Globex "+strings.Repeat("& Sons ", 12)+kb.Enter)
	b.Wait("document.querySelector('.done')")
	b.Look("organization-made")

	b.Click(`[aria-label="Organization tokens"]`)
	b.Wait(`document.querySelector('[aria-label="Organization tokens"][aria-checked=true]')`)
	b.Click(`[aria-label="Organization tokens"]`)
	b.Wait("document.querySelector('h1').textContent.startsWith('Withdraw')")
	says(t, b, "main", "No token used in the last 30 days will stop working.")
	b.Look("flag-withdraw")
	b.Click(".buttons a")
	b.Wait(`document.querySelector('[aria-label="Organization tokens"][aria-checked=true]')`)
	b.Click("[aria-labelledby=users] .button")
	b.Wait("document.activeElement.id === 'login'")
	b.Fill("#login", "ada@acme.example")
	b.Fill("#password", keyportertest.Password)
	b.Click(".buttons .main")
	b.Wait("document.querySelector('#login[aria-invalid=true]')")
	b.Look("user-new-refused")
	b.Fill("#login", "first@globex.example")
	b.Fill("#password", keyportertest.Password)
	b.Click("[name=role][value=administrator]")
	b.Look("user-new")
	b.Click(".buttons .main")
	b.Wait("document.querySelector('.done')")
	b.Look("user-made")
	b.Click("[href$='/password']")
	b.Wait("document.querySelector('dialog[open]')")
	b.Look("password")
	b.Press(kb.Escape)
	b.Click("a[href$='/disable']")
	b.Wait("document.querySelector('dialog[open]')")
	says(t, b, "dialog", "Switch off first@globex.example?")
	b.Look("user-disable-last")
	b.Press(kb.Escape)

	b.Click(".trail a[href^='/organizations/']")
	b.Wait("document.querySelector('#suspension')")
	b.Look("organization")
	b.Click("a[href$='/disable']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	says(t, b, "dialog", "1 active user", "No token")
	b.Look("organization-suspend")
	b.Click("dialog .destroy")
	b.Wait("document.querySelector('.done')")
	b.Look("organization-suspended")
	b.Click("[aria-labelledby=suspension] .main")
	b.Wait("!document.querySelector('.state.off')")

	// People who manage nothing see none of it.
	b.Click("header .account button")
	onPage(b, "/sign-in")
	signIn(b, info, "grace@acme.example")
	if nav := b.Text(".sections"); strings.Contains(nav, "Users") || strings.Contains(nav, "Organization") {
		t.Errorf("grace is sent to %s", nav)
	}
	open(b, info, "/organizations")
	says(t, b, "main", "You can’t do that", "operator")
	b.Look("forbidden")
}
