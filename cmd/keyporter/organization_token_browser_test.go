package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest/browser"
)

// speakFor calls the API with an organization token, in the name of a user, and returns the answer and its body.
func speakFor(t *testing.T, info demoInfo, secret, login, path string) (*http.Response, string) {
	t.Helper()
	return ask(t, http.MethodPost, info.URL+path, "{}", "Content-Type: application/json", "OrganizationKey: "+secret, "UserLoginName: "+login, "User-Agent: archiver/1.4")
}

// explained is what the command explain says.
func explained(t *testing.T, d *demo, args ...string) string {
	t.Helper()
	if err := d.srv.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := newProgram()
	cmd.SetArgs(append([]string{"explain", "--database", d.path(demoDatabase)}, args...))
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Error(err)
	}
	return out.String()
}

// tokenID is the ID of the organization token that was shown last.
func tokenID(b *browser.Browser) string {
	return strings.Split(browser.Eval[string](b, "location.pathname"), "/")[2]
}

// TestAnOrganizationTokensLife is from the feature that it needs to the role that stops
// it, and to the evidence by which it can be switched off.
func TestAnOrganizationTokensLife(t *testing.T) {
	d, info := runDemo(t)
	b := browser.New(t)
	const find5, find6 = "/Api/v5/envelope/find", "/Api/v6/envelope/find"
	ada, err := d.srv.Control.UserByLogin(t.Context(), keyporter.Command(), "ada@acme.example")
	if err != nil {
		t.Fatal(err)
	}

	// Ada has not the feature, and is told which it is.
	signIn(b, info, "ada@acme.example")
	says(t, b, "[aria-labelledby=organization-tokens]", "deprecated", "every user of Acme", "the feature “Organization tokens” (OrganizationApiToken)")
	if b.Text("a[href='/tokens/new?kind=organization']") != "" {
		t.Error("without the feature a token can be added")
	}
	b.Look("organization-tokens-no-feature")
	b.Click("header .account button")
	onPage(b, "/sign-in")

	// The operator grants it.
	signIn(b, info, "olivia@acme.example")
	open(b, info, "/organizations/"+string(ada.OrganizationID))
	b.Click(`[aria-label="Organization tokens"]`)
	b.Wait(`document.querySelector('[aria-label="Organization tokens"][aria-checked=true]')`)
	b.Click("header .account button")
	onPage(b, "/sign-in")

	signIn(b, info, "ada@acme.example")
	b.Look("organization-tokens-none")
	b.Click("a[href='/tokens/new?kind=organization']")
	b.Wait("document.activeElement.id === 'name'")
	b.Look("organization-token-add")
	b.Fill("#name", "Archive"+kb.Enter)
	b.Wait("document.querySelector('#organization-list .secret')")
	secret := browser.Eval[string](b, "document.querySelector('#organization-list .secret input').value")
	b.Look("organization-token-added")
	if res, _ := speakFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("switched off, the call got %d", res.StatusCode)
	}
	b.Click("#organization-list .switch")
	b.Wait("document.querySelector('#organization-list .switch[aria-checked=true]')")

	// With grace's name it shows what is grace's, and says that it is deprecated.
	res, body := speakFor(t, info, secret, "GRACE@acme.example", find5)
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "grace@acme.example") && !strings.Contains(body, "Id") {
		t.Errorf("for grace the call got %d %s", res.StatusCode, body)
	}
	if got := res.Header.Get("Deprecation"); got != "@1795478400" {
		t.Errorf("Deprecation: %q", got)
	}
	_, own := speakFor(t, info, secret, "ada@acme.example", find5)
	if own == body {
		t.Error("ada and grace see the same envelopes")
	}
	res, body = speakFor(t, info, secret, "grace@acme.example", find6)
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "Use a user token or an app") || !strings.Contains(res.Header.Get("WWW-Authenticate"), "Use a user token or an app") {
		t.Errorf("on version 6 the call got %d %s", res.StatusCode, body)
	}

	// Why, by the request id and by the token.
	if told := explained(t, d, "--request", res.Header.Get("X-Keyporter-Request-Id")); !strings.Contains(told, "Does this API version accept") || !strings.Contains(told, "REST versions 1 to 5") {
		t.Errorf("explained as %s", told)
	}
	open(b, info, "/refusals")
	b.Look("refusals")
	b.Fill("#request", res.Header.Get("X-Keyporter-Request-Id")+kb.Enter)
	b.Wait("document.querySelector('.steps')")
	says(t, b, ".steps .failed", "Does this API version accept this kind of credential?", "REST versions 1 to 5")
	b.Look("refusal")
	b.Click("[aria-labelledby=why] .panel-head a")
	b.Wait("location.pathname.endsWith('/explain')")
	says(t, b, ".steps .failed", "REST versions 1 to 5")
	b.Fill("#path", find5+kb.Enter)
	b.Wait("document.querySelector('#verdict')?.innerText === 'It works'")
	b.Look("explain-works")

	// A role blocks: the next call is refused, and the section names the role.
	admin := keyporter.Command()
	role, err := d.srv.Control.CreateRole(t.Context(), admin, keyporter.Role{
		OrganizationID: ada.OrganizationID, Name: "No API", Effects: map[keyporter.Permission]keyporter.Effect{keyporter.PermissionUseAPI: keyporter.EffectBlock},
	})
	if err == nil {
		err = d.srv.Control.SetUserRoles(t.Context(), admin, ada.ID, append(ada.RoleIDs, role.ID))
	}
	if err != nil {
		t.Fatal(err)
	}
	res, _ = speakFor(t, info, secret, "grace@acme.example", find5)
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), "blocks Use the API") {
		t.Errorf("blocked, the call got %d %s", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	for _, told := range []string{
		explained(t, d, "--request", res.Header.Get("X-Keyporter-Request-Id")),
		explained(t, d, tokenID(b), "--login", "grace@acme.example"),
	} {
		if !strings.Contains(told, "Does a role of the owner grant Use the API") || !strings.Contains(told, "The role “No API” blocks Use the API (api.use) for ada@acme.example") {
			t.Errorf("explained as %s", told)
		}
	}
	open(b, info, "/tokens")
	says(t, b, "[aria-labelledby=organization-tokens]", "“No API” blocks", "Archive")
	if b.Text("a[href='/tokens/new?kind=organization']") != "" {
		t.Error("blocked, a token can be added")
	}
	b.Look("organization-tokens-blocked")
	b.Click("#organization-list [title^=Why]")
	b.Wait("document.querySelector('.steps .failed')")
	says(t, b, ".steps .failed", "The role “No API” blocks Use the API (api.use) for ada@acme.example")
	b.Look("explain-blocked")
	b.Click("header .account button")
	onPage(b, "/sign-in")

	// The administrator sees it with its owner, hands it over, and it works again.
	signIn(b, info, "olivia@acme.example")
	b.Click(".sections a[href='/organization-tokens']")
	onPage(b, "/organization-tokens")
	says(t, b, ".token", "Owned by ada@acme.example", "can’t use the API")
	b.Click(".depends summary")
	says(t, b, ".depends", "grace@acme.example", "esign 5", "archiver 1.4")
	b.Look("organization-tokens-all")
	b.Click("[title='Hand over']")
	b.Wait("document.activeElement.id === 'login'")
	b.Fill("#login", "nobody@acme.example"+kb.Enter)
	b.Wait("document.querySelector('dialog [aria-invalid=true]')")
	b.Look("hand-over-refused")
	b.Fill("#login", "grace@acme.example"+kb.Enter)
	b.Wait("document.querySelector('.token .name').innerText.includes('Owned by grace@acme.example')")
	if res, _ := speakFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusOK {
		t.Errorf("handed over, the call got %d", res.StatusCode)
	}
	b.Click("[title=Delete]")
	b.Wait("document.querySelector('dialog[open] .clients')")
	says(t, b, "dialog", "archiver 1.4", "It acted for", "grace@acme.example")
	b.Look("organization-token-delete")
	b.Click("dialog .destroy")
	b.Wait("!document.querySelector('.token')")
	if res, _ := speakFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("deleted, the call got %d", res.StatusCode)
	}
}
