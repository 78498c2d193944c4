package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// exampleApp is an app with a server of its own, at another origin, that people are sent back to.
type exampleApp struct {
	*httptest.Server
	keyporter.App

	t        *testing.T
	info     demoInfo
	secret   string
	verifier string
	came     chan url.Values
}

func newExampleApp(t *testing.T, d *demo, info demoInfo) *exampleApp {
	t.Helper()
	a := &exampleApp{t: t, info: info, verifier: rand.Text() + rand.Text(), came: make(chan url.Values, 10)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cb" {
			http.NotFound(w, r) // browsers ask for a picture, too
			return
		}
		a.came <- r.URL.Query()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><html lang=en><title>App</title><h1>Back in the app</h1>"))
	}))
	t.Cleanup(a.Close)
	var err error
	a.App, err = d.srv.Control.RegisterApp(t.Context(), keyporter.Command(), keyporter.App{
		Name: "DMS tagging service", Publisher: "Tagworks Ltd", Authentication: keyporter.AppSecret, RedirectURIs: []string{a.URL + "/cb"},
		Scopes: []keyporter.AppScope{{Name: accountRead}, {Name: envelopeRead}, {Name: "offline_access"}, {Name: envelopeSend, Optional: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := d.srv.Control.AddAppSecret(t.Context(), keyporter.Command(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	a.secret = secret.Reveal()
	return a
}

// authorize is where the app sends people.
func (a *exampleApp) authorize() string {
	sum := sha256.Sum256([]byte(a.verifier))
	return a.info.URL + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {string(a.ID)}, "redirect_uri": {a.RedirectURIs[0]}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// tokens asks for tokens, and returns the status and what the answer has.
func (a *exampleApp) tokens(params ...string) (status int, access, refresh string) {
	a.t.Helper()
	form := url.Values{"redirect_uri": {a.RedirectURIs[0]}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	basic := base64.StdEncoding.EncodeToString([]byte(string(a.ID) + ":" + a.secret))
	res, body := ask(a.t, http.MethodPost, a.info.URL+"/oauth2/token", form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Authorization: Basic "+basic)
	var told struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		a.t.Errorf("the token endpoint says %s: %v", body, err)
	}
	return res.StatusCode, told.Access, told.Refresh
}

// call calls the API as the app.
func (a *exampleApp) call(token, method, path string, want int) string {
	a.t.Helper()
	res, body := ask(a.t, method, a.info.URL+path, "{}", "Content-Type: application/json", "Authorization: Bearer "+token, "User-Agent: tagworks/3.1")
	if res.StatusCode != want {
		a.t.Errorf("%s %s got %d, want %d: %s %s", method, path, res.StatusCode, want, res.Header.Get("WWW-Authenticate"), body)
	}
	return body
}

// TestAnAppFromConsentToDisconnect is the third section of the page, from the first
// question to the end, with the authorization server and the gateway, in a real browser.
func TestAnAppFromConsentToDisconnect(t *testing.T) {
	d, info := runDemo(t)
	a := newExampleApp(t, d, info)
	b := keyportertest.NewBrowser(t)
	const ada = "ada@acme.example"

	// Who denies comes back, too.
	b.Open(a.authorize())
	b.Wait("document.activeElement.id === 'password' || document.activeElement.id === 'login'")
	b.Fill("#login", ada)
	b.Fill("#password", info.password(ada)+kb.Enter)
	b.Wait("document.querySelector('button[value=deny]')")
	b.Wait("getComputedStyle(document.querySelector('button[value=deny]')).pointerEvents === 'auto'")
	b.Click("button[value=deny]")
	b.Wait("document.querySelector('h1').innerText === 'Back in the app'")
	if got := <-a.came; got.Get("error") != "access_denied" || got.Get("state") != "xyz" || got.Has("code") {
		t.Errorf("denied, the app gets %v", got)
	}

	b.Open(a.authorize())
	says(t, b, "main", "DMS tagging service wants to act in your name", ada, "127.0.0.1")
	b.Wait("getComputedStyle(document.querySelector('button[value=allow]')).pointerEvents === 'auto'")
	b.Click("button[value=allow]")
	b.Wait("document.querySelector('h1').innerText === 'Back in the app'")
	got := <-a.came
	status, access, refresh := a.tokens("grant_type", "authorization_code", "code", got.Get("code"), "code_verifier", a.verifier)
	if status != http.StatusOK || access == "" || refresh == "" || got.Get("iss") != info.URL {
		t.Fatalf("allowed, the app gets %v, and then %d", got, status)
	}
	if told := a.call(access, http.MethodGet, "/Api/v6/authorization/whoami", http.StatusOK); !strings.Contains(told, ada) {
		t.Errorf("the API is told %s", told)
	}
	a.call(access, http.MethodPost, "/Api/v6/envelope/find", http.StatusOK)

	// Asked once: the next time it goes straight through.
	b.Open(a.authorize())
	b.Wait("document.querySelector('h1').innerText === 'Back in the app'")
	if got := <-a.came; got.Get("code") == "" {
		t.Errorf("asked for what it has, the app gets %v", got)
	}

	open(b, info, "/tokens")
	says(t, b, ".connection", "DMS tagging service", "by Tagworks Ltd", "from 127.0.0.1", "Used just now", "tagworks 3.1", "2 in 7 days", "read your envelopes")
	keyportertest.Eval[string](b, "document.querySelector('#connections').scrollIntoView() ?? ''")
	b.Look("app-connected")
	b.Click(".connection [href*='scope=" + envelopeRead + "']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.readyState === 'complete' && document.querySelector('.done')")
	a.call(access, http.MethodPost, "/Api/v6/envelope/find", http.StatusForbidden)
	a.call(access, http.MethodGet, "/Api/v6/authorization/whoami", http.StatusOK)
	b.Click(".connection [href$='/disconnect']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Click("dialog .destroy")
	b.Wait("document.readyState === 'complete' && document.querySelector('#connections') && !document.querySelector('.connection')")
	a.call(access, http.MethodGet, "/Api/v6/authorization/whoami", http.StatusUnauthorized)
	if status, access, _ := a.tokens("grant_type", "refresh_token", "refresh_token", refresh); status != http.StatusBadRequest || access != "" {
		t.Errorf("after the disconnect a refresh gets %d", status)
	}
}
