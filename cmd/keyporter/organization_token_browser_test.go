package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest/browser"
)

// actFor calls the API with an organization token on behalf of a user, and returns the response and
// its body.
func actFor(t *testing.T, info demoInfo, secret, login, path string) (*http.Response, string) {
	t.Helper()
	return ask(t, http.MethodPost, info.URL+path, "{}", "Content-Type: application/json", "OrganizationKey: "+secret, "UserLoginName: "+login, "User-Agent: archiver/1.4")
}

// explained returns what the explain command prints.
func explained(t *testing.T, d *demo, args ...string) string {
	t.Helper()
	if err := d.srv.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := newProgram()
	cmd.SetArgs(append([]string{"explain", "--database", d.path(demoDatabase)}, args...))
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("the command ends with %v", err)
	}
	return out.String()
}

// tokenID returns the ID of the organization token shown last.
func tokenID(b *browser.Browser) string {
	return strings.Split(browser.Eval[string](b, "location.pathname"), "/")[2]
}

// TestAnOrganizationTokensLife goes from the feature it needs to the role that stops it, and to the
// evidence that it is safe to switch it off.
func TestAnOrganizationTokensLife(t *testing.T) {
	d, info := runDemo(t)
	b := browser.New(t)
	const find5, find6 = "/Api/v5/envelope/find", "/Api/v6/envelope/find"
	ada, err := d.srv.Control.UserByLogin(t.Context(), keyporter.Command(), "ada@acme.example")
	if err != nil {
		t.Fatal(err)
	}

	// Ada doesn't have the feature, and isn't bothered with it.
	signIn(b, info, "ada@acme.example")
	if b.Text("[aria-labelledby=organization-tokens]") != "" {
		t.Error("without the feature, the page speaks of organization tokens")
	}
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
	says(t, b, "[aria-labelledby=organization-tokens]", "Deprecated", "everyone at Acme", "You have none, and that’s good")
	b.Look("organization-tokens-none")
	b.Click("a[href='/tokens/new?kind=organization']")
	b.Wait("document.activeElement.id === 'name'")
	b.Look("organization-token-add")
	b.Fill("#name", "Archive"+kb.Enter)
	b.Wait("document.querySelector('#organization-list .secret')")
	secret := browser.Eval[string](b, "document.querySelector('#organization-list .secret input').value")
	b.Look("organization-token-added")
	if res, _ := actFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("switched off, the call got %d", res.StatusCode)
	}
	b.Click("#organization-list .switch")
	b.Wait("document.querySelector('#organization-list .switch[aria-checked=true]')")

	// With Grace's name, it shows what belongs to Grace, and says that it is deprecated.
	res, body := actFor(t, info, secret, "GRACE@acme.example", find5)
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "grace@acme.example") && !strings.Contains(body, "Id") {
		t.Errorf("for grace the call got %d %s", res.StatusCode, body)
	}
	if got := res.Header.Get("Deprecation"); got != "@1795478400" {
		t.Errorf("Deprecation: %q", got)
	}
	_, own := actFor(t, info, secret, "ada@acme.example", find5)
	if own == body {
		t.Error("ada and grace see the same envelopes")
	}
	res, body = actFor(t, info, secret, "grace@acme.example", find6)
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "Use a user token or an app") || !strings.Contains(res.Header.Get("WWW-Authenticate"), "Use a user token or an app") {
		t.Errorf("on version 6 the call got %d %s", res.StatusCode, body)
	}

	// Ask why, by the request ID and by the token.
	if answer := explained(t, d, "--request", res.Header.Get("X-Keyporter-Request-Id")); !strings.Contains(answer, "Does this API version accept") || !strings.Contains(answer, "REST versions 1 to 5") {
		t.Errorf("explained as %s", answer)
	}
	open(b, info, "/refusals")
	b.Look("refusals")
	b.Fill("input[type=search]", res.Header.Get("X-Keyporter-Request-Id")+kb.Enter)
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
	res, _ = actFor(t, info, secret, "grace@acme.example", find5)
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), "blocks Use the API") {
		t.Errorf("blocked, the call got %d %s", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	for _, answer := range []string{
		explained(t, d, "--request", res.Header.Get("X-Keyporter-Request-Id")),
		explained(t, d, tokenID(b), "--login", "grace@acme.example"),
	} {
		if !strings.Contains(answer, "Does a role of the owner grant Use the API") || !strings.Contains(answer, "The role “No API” blocks Use the API (api.use) for ada@acme.example") {
			t.Errorf("explained as %s", answer)
		}
	}
	open(b, info, "/tokens")
	says(t, b, "[aria-labelledby=organization-tokens]", "“No API” blocks", "Archive")
	if b.Text("a[href='/tokens/new?kind=organization']") != "" {
		t.Error("blocked, a token can be added")
	}
	b.Look("organization-tokens-blocked")
	b.Click("#organization-list .more summary")
	b.Click("#organization-list a[href$='/explain']")
	b.Wait("document.querySelector('.steps .failed')")
	says(t, b, ".steps .failed", "The role “No API” blocks Use the API (api.use) for ada@acme.example")
	b.Look("explain-blocked")
	b.Click("header .account button")
	onPage(b, "/sign-in")

	// The administrator sees the token with its owner and hands it over, and it works again.
	signIn(b, info, "olivia@acme.example")
	b.Click(".sections a[href='/organization-tokens']")
	onPage(b, "/organization-tokens")
	says(t, b, ".token", "of ada@acme.example", "Its owner can’t use the API", "Blocked")
	b.Click(".depends summary")
	says(t, b, ".depends", "grace@acme.example", "esign v5", "archiver 1.4")
	b.Look("organization-tokens-all")
	b.Click(".token .more summary")
	b.Click(".token a[href*='/hand-over']")
	b.Wait("document.activeElement.id === 'login'")
	b.Fill("#login", "nobody@acme.example"+kb.Enter)
	b.Wait("document.querySelector('dialog [aria-invalid=true]')")
	b.Look("hand-over-refused")
	b.Fill("#login", "grace@acme.example"+kb.Enter)
	b.Wait("document.querySelector('.token .facts').innerText.includes('of grace@acme.example')")
	if res, _ := actFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusOK {
		t.Errorf("handed over, the call got %d", res.StatusCode)
	}
	secret = handedOverAgain(t, b, info, secret, find5)
	switchedOffAfterAQuestion(t, b)
	b.Click(".token .more summary")
	b.Click(".token a[href*='/delete']")
	b.Wait("document.querySelector('dialog[open] .clients')")
	says(t, b, "dialog", "archiver 1.4", "It acted for", "grace@acme.example")
	b.Look("organization-token-delete")
	b.Click("dialog .destroy")
	b.Wait("!document.querySelector('.token')")
	if res, _ := actFor(t, info, secret, "grace@acme.example", find5); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("deleted, the call got %d", res.StatusCode)
	}
}

// handedOverAgain hands the token over with a new secret, which it returns.
func handedOverAgain(t *testing.T, b *browser.Browser, info demoInfo, old, path string) string {
	t.Helper()
	b.Click(".token .more summary")
	b.Click(".token a[href*='/hand-over']")
	b.Wait("document.activeElement.id === 'login'")
	b.Click("dialog [name=secret]")
	b.Look("hand-over-new-secret")
	b.Fill("#login", "grace@acme.example"+kb.Enter)
	b.Wait("document.querySelector('.token .secret input')")
	b.Look("handed-over-new-secret")
	secret := browser.Eval[string](b, "document.querySelector('.token .secret input').value")
	if res, _ := actFor(t, info, old, "grace@acme.example", path); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("handed over with a new secret, a call with the old one got %d", res.StatusCode)
	}
	if res, _ := actFor(t, info, secret, "grace@acme.example", path); res.StatusCode != http.StatusOK {
		t.Errorf("a call with the new secret got %d", res.StatusCode)
	}
	return secret
}

// switchedOffAfterAQuestion switches off the token, which is in use: a question names what stops, and the switch keeps the focus.
func switchedOffAfterAQuestion(t *testing.T, b *browser.Browser) {
	t.Helper()
	b.Click(".token .switch")
	b.Wait("document.querySelector('dialog[open] .clients')")
	says(t, b, "dialog", "Switch off “Archive”?", "archiver 1.4", "grace@acme.example")
	b.Look("organization-token-off")
	b.Press(kb.Escape)
	b.Wait("!document.querySelector('dialog[open]') && document.activeElement.matches('.token .switch[aria-checked=true]')")
	b.Press(" ")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.activeElement.matches('.token .switch[aria-checked=false]')")
	says(t, b, ".toast", "“Archive” is off", "archiver 1.4 is refused now")
	b.Click(".toast button")
	b.Wait("document.querySelector('.token .switch[aria-checked=true]')")
}
