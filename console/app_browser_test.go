package console_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/browser"
)

// openBrowser signs a user in with a real browser.
func (s *site) openBrowser(t *testing.T, u keyporter.User) *browser.Browser {
	t.Helper()
	b := browser.New(t)
	b.Open(s.url + "/sign-in")
	b.Fill("#login", u.Login)
	b.Fill("#password", keyportertest.Password+kb.Enter)
	b.Wait("location.pathname === '/tokens' && document.readyState === 'complete'")
	return b
}

// wantText waits until the element that matches a CSS selector contains all of words.
func wantText(t *testing.T, b *browser.Browser, selector string, words ...string) {
	t.Helper()
	for _, w := range words {
		b.Wait(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, w))
	}
}

// logo returns a PNG image for an app.
func logo(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	for y := range 400 {
		for x := range 400 {
			if dx, dy := x-200, y-200; dx*dx+dy*dy < 180*180 {
				img.Set(x, y, color.NRGBA{uint8(40 + x/3), 90, uint8(160 + y/5), 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAnAppIsRegisteredAndGetsASecret follows a developer's first day, in a real browser.
func TestAnAppIsRegisteredAndGetsASecret(t *testing.T) {
	s := newSite(t)
	dev := keyportertest.User(t, s.Control, "Acme", "dev@acme.example", keyporter.RoleDeveloper, keyporter.RoleAPIUser)
	keyportertest.User(t, s.Control, "Acme", "devi@acme.example", keyporter.RoleDeveloper)
	b := s.openBrowser(t, dev)
	b.Click("a[href='/apps']")
	b.Wait("document.querySelector('.vacant')")
	b.Look("apps-none")
	b.Click("a[href='/apps/new']")
	b.Wait("document.activeElement.id === 'name'")
	b.Look("app-new")
	b.Fill("#name", "DMS tagging service")
	b.Fill("#publisher", "Tagworks Ltd")
	b.Fill("#redirect_uris", "https://app.example.com/callback#top")
	b.Click("input[name='scope.envelope.read'][value=asks]")
	b.Click("input[name='scope.envelope.send'][value=optional]")
	b.Click("form.settings button.main")
	b.Wait("document.querySelector('#redirect_uris[aria-invalid=true]')")
	wantText(t, b, "#about-redirect_uris", "must not contain a fragment")
	if !browser.Eval[bool](b, "document.querySelector(\"input[name='scope.envelope.send'][value=optional]\").checked") {
		t.Error("the form lost what was chosen")
	}
	b.Look("app-new-refused")
	b.Fill("#redirect_uris", "https://app.example.com/callback")
	b.Click("form.settings button.main")
	b.Wait("document.querySelector('#wire-client')")
	wantText(t, b, "main", "DMS tagging service", "by Tagworks Ltd", "dev@acme.example", "the only time you see the whole secret")
	secret := browser.Eval[string](b, "document.querySelector('.secret input').value")
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretApp {
		t.Errorf("the page shows %q as the secret", secret)
	}
	b.Click(".secret [data-copy]")
	b.Wait("document.querySelector('.secret [data-copy]').innerText === 'Copied'")
	if got := b.Clipboard(); got != secret {
		t.Errorf("copied %q", got)
	}
	b.Look("app-secret")
	b.Click("a[href='/apps']")
	b.Wait("document.querySelector('.row.app')")
	b.Look("apps")
	b.Click(".row.app h3 a")
	b.Wait("document.querySelector('#people')")
	if html := browser.Eval[string](b, "document.documentElement.outerHTML"); strings.Contains(html, secret) {
		t.Error("the secret is shown again")
	}

	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, logo(t), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Upload("#image-file", file)
	b.Click("form[enctype] button")
	b.Wait("document.querySelector('.app-head img')?.naturalWidth === 256")
	if err := os.WriteFile(file, []byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Upload("#image-file", file)
	b.Click("form[enctype] button")
	b.Wait("document.querySelector('#about-image')")
	wantText(t, b, "#about-image", "scripts")
	b.Fill("#people", "devi@acme.example"+kb.Enter)
	b.Wait("document.querySelectorAll('[aria-labelledby=responsible] .row').length === 2")
	b.Look("app")
	b.Click("a[href$='/suspend']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	b.Look("app-suspend")
	b.Click("dialog .destroy")
	b.Wait("document.querySelector('.app-head .state.off')")
	wantText(t, b, "main", "all of its tokens are refused")
	b.Click("form[action$='/resume'] button")
	b.Wait("document.querySelector('.app-head .state.on')")

	// What only operators see.
	found, err := s.Control.ListApps(t.Context(), keyportertest.Session(dev), control.AppList{})
	if err != nil || len(found.Apps) != 1 {
		t.Fatal(found, err)
	}
	app := found.Apps[0].App
	app.JWT, app.WithoutPKCE = true, true
	if _, err := s.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
		t.Fatal(err)
	}
	waiting := s.App(t, keyporter.App{Name: "AI helper", Publisher: "Somebody"})
	s.Quarantine(t, waiting)
	ob := s.openBrowser(t, s.operator(t, dev.OrganizationID, "otto@acme.example"))
	ob.Open(s.url + "/apps")
	wantText(t, ob, "main", "1 app waits for approval. Review it")
	ob.Look("apps-operator")
	ob.Open(s.url + "/apps?state=quarantined")
	wantText(t, ob, "main", "AI helper", "These apps registered themselves", "1 of 1")
	ob.Open(s.url + "/apps/" + string(waiting.ID))
	ob.Look("app-quarantined")
	ob.Click("form[action$='/approve'] button")
	ob.Wait("document.querySelector('.app-head .state.on')")
	ob.Open(s.url + "/apps/" + string(app.ID))
	wantText(t, ob, "main", "exempt from PKCE", "accepts them until they expire")
	ob.Look("app-operator")
}

// requestConsent gives the browser a request of an app, and returns the URL of the consent page.
func (s *site) requestConsent(t *testing.T, b *browser.Browser, a keyporter.App, change ...func(*keyportertest.Authorization)) string {
	t.Helper()
	request, cookie := s.Ask(t, a, change...)
	b.Run(fmt.Sprintf("document.cookie = 'keyporter-authorize=%s; path=/'", cookie))
	return s.url + "/connect/" + request
}

func TestConsentInABrowser(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	app := s.App(t, keyporter.App{
		Verified: true, Description: "Reads the documents that come in, and files them where they belong.", HomePage: "https://tagworks.example",
		Scopes: []keyporter.AppScope{{Name: "openid"}, {Name: "envelope.read"}, {Name: "offline_access"}, {Name: "envelope.send", Optional: true}, {Name: "template.read", Optional: true}},
	})
	if err := s.Control.SetAppImage(t.Context(), keyporter.Command(), app.ID, logo(t)); err != nil {
		t.Fatal(err)
	}
	b := s.openBrowser(t, ada)
	b.Look("connections-none")

	// The buttons ignore clicks for a moment.
	at := s.requestConsent(t, b, app)
	b.Open(at)
	if got := browser.Eval[string](b, "getComputedStyle(document.querySelector('.allow')).animationName"); got != "held" {
		t.Errorf("the buttons accept clicks right away: %s", got)
	}
	b.Wait("getComputedStyle(document.querySelector('.allow')).pointerEvents === 'auto'")
	wantText(t, b, "main", "DMS tagging service wants to act on your behalf", "Tagworks Ltd", "Verified", "ada@acme.example", "Acme", "ecognize you", "ead your envelopes",
		"app.example", "Apps and Connections", "Optional")
	b.Look("consent")
	b.Click("input[type=checkbox][value='envelope.send']")
	b.Click(".allow")
	b.Wait("location.pathname.startsWith('/oauth2/authorize/')")
	conn, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID)
	if err != nil || strings.Join(conn.Scopes, " ") != "openid envelope.read offline_access envelope.send" {
		t.Errorf("connected with %v, %v", conn.Scopes, err)
	}

	// An unverified app on the user's own machine, with names of the maximum length and no image.
	long := s.App(t, keyporter.App{
		Name: strings.Repeat("Überwachungs", 8) + "app", Publisher: strings.Repeat("W", 100), Authentication: keyporter.AppPublic,
		Description: strings.Repeat("It does everything. ", 25), HomePage: "https://" + strings.Repeat("long.", 30) + "example/",
		RedirectURIs: []string{"http://127.0.0.1/cb"}, Scopes: []keyporter.AppScope{{Name: "envelope.read"}},
	})
	b.Open(s.requestConsent(t, b, long))
	wantText(t, b, "main", "Not verified", "Nobody has verified", "http://127.0.0.1", "on your own machine")
	b.Look("consent-long")
	b.Click("button[value=deny]")
	b.Wait("location.pathname.startsWith('/oauth2/authorize/')")
	if _, err := s.DB.ConnectionOf(t.Context(), ada.ID, long.ID); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("denied, but connected: %v", err)
	}

	// The app asks for more.
	app.Scopes = append(app.Scopes, keyporter.AppScope{Name: "email"})
	if app, err = s.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
		t.Fatal(err)
	}
	b.Open(s.requestConsent(t, b, app))
	wantText(t, b, "main", "wants to do more on your behalf", "as before")
	b.Look("consent-more")

	// For a device.
	b.Open(s.url + "/device")
	b.Look("device")
	b.Fill("#code", "WRONG-CODE"+kb.Enter)
	b.Wait("document.querySelector('#code[aria-invalid=true]')")
	b.Look("device-wrong")
	device := s.App(t, keyporter.App{Name: "Scan station", Device: true})
	s.Ask(t, device, func(a *keyportertest.Authorization) {
		a.Browser, a.UserCode, a.DeviceCode, a.Asked.Device, a.Asked.RedirectURI = "", "BCDFGHJK", "device", true, ""
	})
	b.Fill("#code", "bcdf ghjk"+kb.Enter)
	b.Wait("location.pathname.startsWith('/connect/')")
	wantText(t, b, "main", "Scan station", "If someone gave you the code")
	b.Look("consent-device")
	b.Wait("getComputedStyle(document.querySelector('.allow')).pointerEvents === 'auto'")
	b.Click(".allow")
	b.Wait("document.querySelector('h1').innerText === 'Connected'")
	b.Look("device-done")

	// The organization allows no apps.
	if err := s.Control.SetAppPolicy(t.Context(), keyportertest.Session(keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)), keyporter.NoApps, nil); err != nil {
		t.Fatal(err)
	}
	b.Open(s.requestConsent(t, b, app))
	wantText(t, b, "main", "You can’t connect this app", "doesn’t allow apps")
	b.Look("consent-refused")
}

func TestAppsAndConnectionsInABrowser(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	app := s.App(t, keyporter.App{Verified: true, Scopes: []keyporter.AppScope{{Name: "openid"}, {Name: "envelope.read"}, {Name: "envelope.send"}, {Name: "offline_access"}}})
	if err := s.Control.SetAppImage(ctx, keyporter.Command(), app.ID, logo(t)); err != nil {
		t.Fatal(err)
	}
	used := s.Connect(t, ada, app)
	jwt := s.Connect(t, ada, s.App(t, keyporter.App{Name: "Board reports", Publisher: "Numbers & Sons", JWT: true}))
	stolen := s.Connect(t, ada, s.App(t, keyporter.App{Name: "Contract archive: every signed document, nightly, to cold storage", Publisher: "Acme"}), "envelope.read")
	off := s.App(t, keyporter.App{Name: "Old scanner", Publisher: "Scanners"})
	s.Connect(t, ada, off, "envelope.read")
	if err := s.Control.SuspendApp(ctx, keyporter.Command(), off.ID); err != nil {
		t.Fatal(err)
	}
	s.Connect(t, olivia, app, "openid")
	for hour := range 7 * 24 {
		s.Used(t, used.ID, keyporter.ClientUse{
			Agent: "tagworks/3.1 (+https://tagworks.example)", Address: "203.0.113.77", Version: "esign 6", LastAt: time.Now().Add(-time.Duration(hour) * time.Hour), Allowed: (hour * 31) % 23,
		})
	}
	s.Used(t, jwt.ID, keyporter.ClientUse{Address: "2001:db8::17", Version: "esign 5", LastAt: time.Now().Add(-26 * time.Hour), Allowed: 3, Refused: 12})
	s.Replayed(t, stolen, time.Now().Add(-3*time.Hour))
	b := s.openBrowser(t, ada)
	b.Click(".sections a[href='/connections']")
	wantText(t, b, "#connection-"+string(used.ID), "DMS tagging service", "by Tagworks Ltd", "Verified", "from 192.0.2.44", "Chrome 156", "Used just now", "tagworks 3.1", "203.0.113.77", "read your envelopes")
	wantText(t, b, "#connection-"+string(stolen.ID), "Never used", "Someone else may have had one of this app’s keys")
	wantText(t, b, ".connections", "This app is suspended")
	b.Look("connections")
	b.Click("#connection-" + string(used.ID) + " [href*='scope=envelope.send']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	wantText(t, b, "dialog", "It can no longer send envelopes", "next call")
	b.Look("connection-scope")
	b.Click("dialog .destroy")
	b.Wait("document.readyState === 'complete' && document.querySelector('.done')")
	if html := b.Text("#connection-" + string(used.ID)); strings.Contains(html, "send envelopes") {
		t.Error("the scope is still there")
	}
	b.Click("#connection-" + string(jwt.ID) + " [href$='/disconnect']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	wantText(t, b, "dialog", "refused, starting with the next call", "JWTs", "3 calls in the last 7 days")
	b.Look("disconnect")
	b.Click("dialog .destroy")
	b.Wait("document.readyState === 'complete' && document.querySelector('.connections') && !document.querySelector('#connection-" + string(jwt.ID) + "')")
	// Taking away its last scope ends the connection.
	b.Click("#connection-" + string(stolen.ID) + " [href*='scope=']")
	b.Wait("document.querySelector('dialog[open] .destroy')")
	wantText(t, b, "dialog", "Disconnect “Contract archive")

	ob := s.openBrowser(t, olivia)
	ob.Open(s.url + "/apps/connections")
	wantText(t, ob, "main", "For ada@acme.example", "For olivia@acme.example")
	ob.Look("connections-all")
	ob.Click("#connection-" + string(used.ID) + " [href*='/disconnect']")
	ob.Wait("document.querySelector('dialog[open] .destroy')")
	wantText(t, ob, "dialog", "It can no longer act for ada@acme.example")
	ob.Click("dialog .destroy")
	ob.Wait("document.readyState === 'complete' && document.querySelector('.connections') && !document.querySelector('#connection-" + string(used.ID) + "')")
	ob.Open(s.url + "/apps/policy")
	ob.Look("app-policy")
	ob.Click("input[value=listed]")
	ob.Click("input[name=app][value='" + string(app.ID) + "']")
	ob.Click("form.panel .main")
	ob.Wait("document.querySelector('.done')")
	b.Open(s.url + "/connections")
	wantText(t, b, "#connection-"+string(stolen.ID), "doesn’t allow this app")
	if status := s.signIn(t, ada).get("/apps/policy").status; status != http.StatusForbidden {
		t.Errorf("ada gets %d", status)
	}
}
