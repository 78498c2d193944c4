package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter/keyportertest"
)

// runDemo runs the demo until the test ends.
func runDemo(t *testing.T) (*demo, demoInfo) {
	t.Helper()
	d := &demo{listen: "127.0.0.1:0", data: t.TempDir(), json: true}
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := d.run(ctx, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var info demoInfo
	if err := json.NewDecoder(out).Decode(&info); err != nil {
		t.Fatal(err)
	}
	return d, info
}

func (i demoInfo) password(login string) string {
	for _, u := range i.Users {
		if u.Login == login {
			return u.Password
		}
	}
	return ""
}

// whoAmI asks the API who calls, as the program billing-sync would.
func whoAmI(t *testing.T, info demoInfo, token string) (status int, told string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, info.URL+"/Api/v6/authorization/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("ApiToken", token)
	req.Header.Set("User-Agent", "billing-sync/2.4 (+https://acme.example/sync)")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("WWW-Authenticate") + string(body)
}

func refused(t *testing.T, info demoInfo, token, why string) {
	t.Helper()
	if status, told := whoAmI(t, info, token); status != http.StatusUnauthorized || !strings.Contains(told, why) {
		t.Errorf("the call got %d %s, want 401 and %q", status, told, why)
	}
}

func answered(t *testing.T, info demoInfo, token, login string) {
	t.Helper()
	if status, told := whoAmI(t, info, token); status != http.StatusOK || !strings.Contains(told, login) {
		t.Errorf("the call got %d %s, want 200 for %s", status, told, login)
	}
}

// TestTheFirstDayOfAToken is what the product is for, from the sign-in on, in a real browser.
func TestTheFirstDayOfAToken(t *testing.T) {
	_, info := runDemo(t)
	b := keyportertest.NewBrowser(t)
	const grace = "grace@acme.example"

	b.Open(info.URL)
	b.Wait("document.activeElement.id === 'login'")
	b.Look("sign-in")
	b.Fill("#login", grace)
	b.Fill("#password", "not her password"+kb.Enter)
	b.Wait("document.querySelector('[role=alert]')")
	b.Look("sign-in-refused")
	b.Fill("#password", info.password(grace)+kb.Enter)
	b.Wait("location.pathname === '/tokens'")
	b.Look("tokens-none")

	b.Click("a[href='/tokens/new']")
	b.Wait("document.activeElement.id === 'name'")
	b.Look("add")
	b.Press("   " + kb.Enter)
	b.Wait("document.querySelector('dialog [aria-invalid=true]') === document.activeElement")
	b.Look("add-refused")
	b.Fill("#name", "Billing <b>sync</b>"+kb.Enter)
	b.Wait("document.querySelector('.token .secret')")
	secret := keyportertest.Eval[string](b, "document.querySelector('.secret input').value")
	if !strings.HasPrefix(secret, "kpu_") {
		t.Fatalf("the row shows %q as token", secret)
	}
	if got := b.Text(".token h3"); got != "Billing <b>sync</b>" {
		t.Errorf("the row shows the name as %q", got)
	}
	for _, words := range []string{"will not be shown again", "switch it on"} {
		if !strings.Contains(b.Text(".token .secret"), words) {
			t.Errorf("the new row doesn't say %q: %s", words, b.Text(".token .secret"))
		}
	}
	b.Look("added")

	// The focus is at the copy button: one key, and the token can be pasted.
	b.Press(kb.Enter)
	b.Wait("document.querySelector('[data-copy]').innerText === 'Copied'")
	if got := b.Clipboard(); got != secret {
		t.Errorf("copied %q", got)
	}

	if got := b.Attribute(".switch", "aria-checked"); got != "false" {
		t.Errorf("the switch of a new token has aria-checked=%s", got)
	}
	refused(t, info, secret, "switched off")
	b.Click(".switch")
	b.Wait("document.querySelector('.switch[aria-checked=true]') === document.activeElement")
	answered(t, info, secret, grace)
	if got := keyportertest.Eval[string](b, "document.querySelector('.secret input')?.value"); got != secret {
		t.Errorf("after switching the row shows %q as token", got)
	}
	b.Wait("document.querySelector('[role=status]').innerText.includes('is on')")
	b.Look("switched-on")
	b.Press(" ")
	b.Wait("document.querySelector('.switch[aria-checked=false]') === document.activeElement")
	refused(t, info, secret, "switched off")
	b.Press(kb.Enter)
	b.Wait("document.querySelector('.switch[aria-checked=true]')")
	answered(t, info, secret, grace)

	// Renamed and given an end, with the keyboard alone.
	b.TabTo("[title=Rename]")
	b.Press(kb.Enter)
	b.Wait("document.activeElement.id === 'name'")
	b.Fill("#name", "Billing: "+strings.Repeat("every invoice of the year, ", 3)+kb.Enter)
	b.Wait("document.querySelector('.token h3').innerText.startsWith('Billing: every')")
	b.Wait("document.activeElement.title === 'Rename'")
	b.TabTo("[title=Expiry]")
	b.Press(kb.Enter)
	b.Wait("document.activeElement.id === 'expires'")
	keyportertest.Eval[string](b, fmt.Sprintf("document.activeElement.value = %q", time.Now().AddDate(0, 0, 2).UTC().Format(time.DateOnly)))
	b.Look("expiry")
	b.Press(kb.Enter)
	b.Wait("document.querySelector('.token .warning')?.innerText.startsWith('Expires after')")

	// A new look at the page: the token isn't there any more, how it was used is.
	b.Open(info.URL + "/tokens")
	if html := keyportertest.Eval[string](b, "document.documentElement.outerHTML"); strings.Contains(html, secret) {
		t.Error("the token is shown again")
	}
	for _, words := range []string{"Used just now", "billing-sync 2.4", "from 127.0.0.1", "on esign 6", "2 in 7 days", "2 refused"} {
		if !strings.Contains(b.Text(".token"), words) {
			t.Errorf("the row doesn't say %q: %s", words, b.Text(".token"))
		}
	}
	b.Look("tokens-used")

	b.Click("[title=Delete]")
	b.Wait("document.querySelector('dialog[open] .clients')")
	for _, words := range []string{"billing-sync 2.4", "2 calls", "2 refused", "just now"} {
		if !strings.Contains(b.Text("dialog"), words) {
			t.Errorf("the dialog doesn't say %q: %s", words, b.Text("dialog"))
		}
	}
	b.Look("delete")
	b.Press(kb.Escape)
	b.Wait("!document.querySelector('dialog[open]') && document.activeElement.title === 'Delete'")
	answered(t, info, secret, grace)
	b.Click("[title=Delete]")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.querySelector('.empty').checkVisibility()")
	refused(t, info, secret, "")

	b.Open(info.URL + "/tokens/nowhere")
	b.Look("not-found")
	b.Click(".buttons a")
	b.Wait("location.pathname === '/tokens'")
	b.Click("header button")
	b.Wait("location.pathname === '/sign-in'")
}
