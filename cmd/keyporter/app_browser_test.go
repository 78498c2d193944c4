package main

import (
	"testing"

	"github.com/keyporter/keyporter/keyportertest/browser"
)

// press sends a form of the example app, and waits for the next page.
func press(b *browser.Browser, app, action, what string) {
	b.Click("form[action='" + action + "'] button")
	b.Wait("location.href === '" + app + "/' && document.querySelector('#what')?.innerText.startsWith('" + what + "')")
}

// TestAnAppsLife goes from consent to the end, with a real app in front of the API.
func TestAnAppsLife(t *testing.T) {
	_, info := runDemo(t)
	b := browser.New(t)

	// The app asks; Ada, who isn't signed in, signs in and denies.
	b.Open(info.App)
	b.Click("form[action='/connect'] button")
	onPage(b, "/sign-in")
	b.Fill("#login", "ada@acme.example")
	b.Fill("#password", info.password("ada@acme.example"))
	b.Click("button.main")
	b.Wait("location.pathname.startsWith('/connect/')")
	says(t, b, "form.consent", "DMS tagging service", "Verified", "ada@acme.example", "Acme", "Read your envelopes", "127.0.0.1", "Apps and Connections")
	b.Look("app-consent")
	b.Wait("getComputedStyle(document.querySelector('button[value=deny]')).pointerEvents === 'auto'")
	b.Click("button[value=deny]")
	b.Wait("location.href === '" + info.App + "/' && document.querySelector('#text')?.innerText.includes('access_denied')")

	// She connects it, and it acts for her.
	b.Click("form[action='/connect'] button")
	b.Wait("location.pathname.startsWith('/connect/')")
	b.Wait("getComputedStyle(document.querySelector('button.allow')).pointerEvents === 'auto'")
	b.Click("input[type=checkbox][value='envelope.send']") // optional, and unticked until then
	b.Click("button.allow")
	b.Wait("location.href === '" + info.App + "/' && document.querySelector('#who')")
	for _, call := range []struct{ action, what, want string }{
		{"whoami", "Who", "ada@acme.example"}, {"find", "Find", "Envelopes"}, {"upload", "Upload", "FileId"},
	} {
		press(b, info.App, "/call/"+call.action, call.what)
		says(t, b, "#status", "200 OK")
		says(t, b, "#text", call.want)
	}
	press(b, info.App, "/refresh", "Refresh")
	says(t, b, "#text", "A new access token")

	// After consenting once, the next time goes straight through.
	b.Click("form[action='/forget'] button")
	b.Wait("document.querySelector(\"form[action='/connect']\")")
	b.Click("form[action='/connect'] button")
	b.Wait("location.href === '" + info.App + "/' && document.querySelector('#who')")
	press(b, info.App, "/call/find", "Find")
	says(t, b, "#status", "200 OK")

	// It is listed under Apps and Connections, with its last use.
	open(b, info, "/connections")
	says(t, b, "[aria-labelledby=connections]", "DMS tagging service", "example-app", "127.0.0.1", "esign v6")
	b.Look("app-connection")

	// One scope is removed: that call is refused, the others aren't.
	b.Click("[aria-labelledby=connections] a[href*='envelope.read']")
	b.Wait("document.querySelector('button.destroy')")
	b.Click("button.destroy")
	b.Wait("!document.querySelector(\"[aria-labelledby=connections] a[href*='envelope.read']\") && document.querySelector('[aria-labelledby=connections]')")
	b.Open(info.App)
	press(b, info.App, "/call/find", "Find")
	says(t, b, "#status", "403 Forbidden")
	says(t, b, "#text", "insufficient_scope", "envelope.read")
	press(b, info.App, "/call/whoami", "Who")
	says(t, b, "#status", "200 OK")

	// It is disconnected: the next call is refused, and no token can be refreshed.
	open(b, info, "/connections")
	b.Click("[aria-labelledby=connections] a[href$='/disconnect']")
	b.Wait("document.querySelector('button.destroy')")
	b.Look("app-disconnect")
	b.Click("button.destroy")
	b.Wait("document.querySelector('[aria-labelledby=connections]') && !document.querySelector(\"[aria-labelledby=connections] a[href$='/disconnect']\")")
	b.Open(info.App)
	press(b, info.App, "/call/whoami", "Who")
	says(t, b, "#status", "401 Unauthorized")
	press(b, info.App, "/refresh", "Refresh")
	says(t, b, "#text", "invalid_grant")
}
