package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
	"github.com/keyporter/keyporter/store"
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

// ask sends a request to an API and returns the answer and its body.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(answer)
}

// whoAmI asks the API who is calling, like the program billing-sync would.
func whoAmI(t *testing.T, info demoInfo, token string) (status int, body string) {
	t.Helper()
	res, body := ask(t, http.MethodGet, info.URL+"/Api/v6/authorization/whoami", "", "ApiToken: "+token, "User-Agent: billing-sync/2.4 (+https://acme.example/sync)")
	return res.StatusCode, res.Header.Get("WWW-Authenticate") + body
}

func refused(t *testing.T, info demoInfo, token, why string) {
	t.Helper()
	if status, body := whoAmI(t, info, token); status != http.StatusUnauthorized || !strings.Contains(body, why) {
		t.Errorf("the call got %d %s, want 401 and %q", status, body, why)
	}
}

func answered(t *testing.T, info demoInfo, token, login string) {
	t.Helper()
	if status, body := whoAmI(t, info, token); status != http.StatusOK || !strings.Contains(body, login) {
		t.Errorf("the call got %d %s, want 200 for %s", status, body, login)
	}
}

// TestTheFirstDayOfAToken shows what the product is for, beginning at sign-in, in a real browser.
func TestTheFirstDayOfAToken(t *testing.T) {
	_, info := runDemo(t)
	b := browser.New(t)
	const grace = "grace@acme.example"
	kiritimati := time.FixedZone("UTC+14", 14*60*60)
	b.MoveTo("Pacific/Kiritimati")

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
	for _, title := range []string{"REST", "SOAP"} {
		b.Open(browser.Eval[string](b, "[...document.querySelectorAll('.guides a')].find(a => a.innerText.includes('"+title+"')).href"))
		b.Wait("document.querySelector('.document h1')?.innerText === 'Hello World over " + title + "'")
		if title == "REST" {
			b.Look("document")
		}
		open(b, info, "/tokens")
	}

	b.Click("a[href='/tokens/new']")
	b.Wait("document.activeElement.id === 'name'")
	if got, want := b.Text("#until-90"), time.Now().In(kiritimati).AddDate(0, 0, 90).Format("Until the end of Jan 2, 2006."); got != want {
		t.Errorf("the form says %q, and not %q", got, want)
	}
	b.Look("add")
	b.Press("   " + kb.Enter)
	b.Wait("document.querySelector('dialog [aria-invalid=true]') === document.activeElement")
	b.Look("add-refused")
	b.Fill("#name", "Billing <b>sync</b>"+kb.Enter)
	b.Wait("document.querySelector('.token .secret')")
	secret := browser.Eval[string](b, "document.querySelector('.secret input').value")
	if !strings.HasPrefix(secret, "kpu_") {
		t.Fatalf("the row shows %q as the token", secret)
	}
	if got := b.Text(".token h3"); got != "Billing <b>sync</b>" {
		t.Errorf("the row shows the name as %q", got)
	}
	for _, words := range []string{"the only time you see the whole token", "switch it on", "Waiting for the first call", "curl"} {
		if !strings.Contains(b.Text(".token .secret"), words) {
			t.Errorf("the new row doesn't say %q: %s", words, b.Text(".token .secret"))
		}
	}
	b.Look("added")

	b.Click("[data-copy]")
	b.Wait("document.querySelector('[data-copy]').innerText === 'Copied'")
	if got := b.Clipboard(); got != secret {
		t.Errorf("copied %q", got)
	}
	b.Click(".snippets [value=python]")
	b.Look("added-python")

	if got := b.Attribute(".switch", "aria-checked"); got != "false" {
		t.Errorf("the switch of a new token has aria-checked=%s", got)
	}
	refused(t, info, secret, "switched off")
	b.Click(".switch")
	b.Wait("document.querySelector('.switch[aria-checked=true]') === document.activeElement")
	answered(t, info, secret, grace)
	if got := browser.Eval[string](b, "document.querySelector('.secret input')?.value"); got != secret {
		t.Errorf("after switching, the row shows %q as the token", got)
	}
	b.Wait("document.querySelector('.toast').innerText.includes('is on')")
	b.Look("switched-on")
	b.Press(" ")
	b.Wait("document.querySelector('.switch[aria-checked=false]') === document.activeElement")
	refused(t, info, secret, "switched off")
	b.Press(kb.Enter)
	b.Wait("document.querySelector('.switch[aria-checked=true]')")
	answered(t, info, secret, grace)

	// Rename it and let it expire, using only the keyboard.
	b.TabTo(".more summary")
	b.Press(kb.Enter)
	b.TabTo("a[href$='/rename']")
	b.Press(kb.Enter)
	b.Wait("document.activeElement.id === 'name'")
	b.Fill("#name", "Billing: "+strings.Repeat("every invoice of the year, ", 3)+kb.Enter)
	b.Wait("document.querySelector('.token h3').innerText.startsWith('Billing: every')")
	b.Wait("document.activeElement.matches('.more summary')")
	b.Press(kb.Enter)
	b.Look("menu")
	b.TabTo("a[href$='/expiry']")
	b.Press(kb.Enter)
	b.Wait("document.activeElement.value === 'day'")
	lastDay := time.Now().In(kiritimati).AddDate(0, 0, 2)
	b.Run(fmt.Sprintf("document.querySelector('[name=expires]').value = %q", lastDay.Format(time.DateOnly)))
	b.Look("expiry")
	b.Press(kb.Enter)
	b.Wait("document.querySelector('.token .note')?.innerText.startsWith('Expires on " + lastDay.Format("Jan 2, 2006") + "')")

	// Open the page again: the token is gone, but its use is shown.
	b.Open(info.URL + "/tokens")
	if html := browser.Eval[string](b, "document.documentElement.outerHTML"); strings.Contains(html, secret) {
		t.Error("the token is shown again")
	}
	for _, words := range []string{"Just now", "billing-sync 2.4", "from 127.0.0.1", "on esign v6", "2 refused"} {
		if !strings.Contains(b.Text(".token"), words) {
			t.Errorf("the row doesn't say %q: %s", words, b.Text(".token"))
		}
	}
	b.Look("tokens-used")

	b.Click(".more summary")
	b.Click("a[href$='/delete']")
	b.Wait("document.querySelector('dialog[open] .clients')")
	for _, words := range []string{"billing-sync 2.4", "2 calls", "2 refused", "just now"} {
		if !strings.Contains(b.Text("dialog"), words) {
			t.Errorf("the dialog doesn't say %q: %s", words, b.Text("dialog"))
		}
	}
	b.Look("delete")
	b.Press(kb.Escape)
	b.Wait("!document.querySelector('dialog[open]') && document.activeElement.matches('.more summary')")
	answered(t, info, secret, grace)
	b.Click(".more summary")
	b.Click("a[href$='/delete']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.querySelector('.empty').checkVisibility()")
	refused(t, info, secret, "")
	b.Wait("document.querySelector('.tabs').hidden")
	b.Look("deleted")
	b.Click(".toast .link")
	b.Wait("document.querySelector('.token .switch[aria-checked=false]')")
	refused(t, info, secret, "switched off")
	b.Click(".more summary")
	b.Click("a[href$='/delete']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.querySelector('.empty').checkVisibility()")
	b.Click("a[href='/tokens/deleted']")
	b.Wait("document.querySelector('a[href$=\"/restore\"]')")
	b.Look("deleted-tokens")

	b.Open(info.URL + "/tokens/nowhere")
	b.Look("not-found")
	b.Click(".buttons a")
	b.Wait("location.pathname === '/tokens'")
	b.Click(".account button")
	b.Wait("location.pathname === '/sign-in'")
}

// TestAPageOfManyTokens shows the page after a while: tokens that were used every day or once, that
// were refused, expired, or are off, and names and clients of every length. It makes the picture in
// the README.
func TestAPageOfManyTokens(t *testing.T) {
	d, info := runDemo(t)
	ctx, me := t.Context(), keyporter.Command()
	ada, err := d.srv.Control.UserByLogin(ctx, me, "ada@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var uses []store.Use
	use := func(token keyporter.ID, agent, address, version string, ago time.Duration, allowed, refused int) {
		uses = append(uses, store.Use{CredentialID: token, ClientUse: keyporter.ClientUse{
			Agent: agent, Address: address, Version: version, LastAt: now.Add(-ago), Allowed: allowed, Refused: refused,
		}})
	}
	var shown keyporter.ID
	for _, name := range []string{"Old laptop", "Warehouse scanner <script>", "Contract archive: every signed document, nightly, to cold storage", "Invoices to accounting"} {
		token, _ := keyportertest.Token(t, d.srv.Control, ada, name)
		switch name {
		case "Contract archive: every signed document, nightly, to cold storage":
			shown = token.ID
			_, err = d.srv.Control.SetTokenExpiry(ctx, me, token.ID, now.AddDate(0, 0, 200))
			for hour := range 60 * 24 {
				use(token.ID, "billing-sync/2.4 (+https://acme.example/sync)", "198.51.100.24", "esign 6", time.Duration(hour)*time.Hour, (hour*37)%41, (hour%97)/95)
			}
		case "Old laptop":
			_, err = d.srv.Control.DisableToken(ctx, me, token.ID)
			use(token.ID, "curl/8.5.0", "2001:db8::17", "esign 4", 40*24*time.Hour, 3, 0)
		case "Warehouse scanner <script>":
			_, err = d.srv.Control.SetTokenExpiry(ctx, me, token.ID, now.AddDate(0, 0, 3))
			use(token.ID, "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36", "203.0.113.9", "esign 5", 26*time.Hour, 12, 41)
		default:
			for hour := range 7 * 24 {
				use(token.ID, "billing-sync/2.4 (+https://acme.example/sync)", "198.51.100.24", "esign 6", time.Duration(hour)*time.Hour, (hour*37)%41+(hour/24)*4, 0)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(ctx, d.path(demoDatabase), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Do(ctx, func(tx *store.Tx) error { return tx.AddUses(ctx, store.Batch{Uses: uses}) }); err != nil {
		t.Fatal(err)
	}
	b := browser.New(t)
	signIn(b, info, "ada@acme.example")
	says(t, b, "#user-list", "Chrome 156", "<script>", "41 refused", "Expires on", "2001:db8::17")
	b.Look("tokens-many")

	// The page of one hears of what happens elsewhere.
	b.Click("#token-" + string(shown) + " th a")
	says(t, b, "main", "Calls per day", "billing-sync 2.4", "set it to expire after")
	b.Look("token-page")
	if _, err := d.srv.Control.DisableToken(ctx, me, shown); err != nil {
		t.Fatal(err)
	}
	b.Wait("document.querySelector('main .switch[aria-checked=false]') && document.querySelector('.causes')")
	b.Look("token-page-refused")
	b.Click(".causes button")
	b.Wait("document.querySelector('main .switch[aria-checked=true]') && !document.querySelector('.causes')")
}
