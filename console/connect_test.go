package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// setAuthorizeCookie sets the cookie that a request of an app is bound to.
func (v *visitor) setAuthorizeCookie(t *testing.T, browser string) {
	t.Helper()
	at, err := url.Parse(v.site.url)
	if err != nil {
		t.Fatal(err)
	}
	v.client.Jar.SetCookies(at, []*http.Cookie{{Name: "keyporter-authorize", Value: browser, Path: "/"}})
}

// requestConsent gives the visitor a request of an app, and returns the path of the consent page.
func (v *visitor) requestConsent(t *testing.T, a keyporter.App, change ...func(*keyportertest.Authorization)) string {
	t.Helper()
	request, browser := v.site.Ask(t, a, change...)
	v.setAuthorizeCookie(t, browser)
	return "/connect/" + request
}

func TestConsentWithoutJavaScript(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	app := s.App(t, keyporter.App{Name: "<b>Bold</b> & co", Scopes: []keyporter.AppScope{{Name: "openid"}, {Name: "envelope.read"}, {Name: "envelope.send", Optional: true}}})
	path := v.requestConsent(t, app)
	page := v.get(path)
	page.want(t, 200, "&lt;b&gt;Bold&lt;/b&gt; &amp; co", "Tagworks Ltd", "Not verified", "ada@acme.example", "Acme", "read your envelopes", "app.example", "Apps and Connections", `value="allow"`, `value="deny"`)
	page.wantNot(t, "<b>Bold")
	// Required scopes can't be left out, and others can't be added.
	a := v.post(path, "answer", "allow", "scope", "template.read")
	a.want(t, 200, `<meta http-equiv="refresh" content="0;url=/oauth2/authorize/`+strings.TrimPrefix(path, "/connect/")+`">`, `href="/oauth2/authorize/`)
	conn, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID)
	if err != nil || strings.Join(conn.Scopes, " ") != "openid envelope.read" || conn.Address != "127.0.0.1" {
		t.Errorf("%+v, %v", conn, err)
	}
	// A request can only be answered once.
	v.get(path).want(t, 404, "This request has ended")
	v.post(path, "answer", "allow").want(t, 404)
	// If the app already has everything it asks for, there is no question.
	v.get(v.requestConsent(t, app)).want(t, 200, `http-equiv="refresh"`)
	other := s.App(t, keyporter.App{Name: "Other"})
	path = v.requestConsent(t, other)
	v.post(path).want(t, 422, "Choose whether")
	v.post(path, "answer", "deny").want(t, 200, `http-equiv="refresh"`)
	if _, err := s.DB.ConnectionOf(t.Context(), ada.ID, other.ID); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("denied, but connected: %v", err)
	}
}

// TestARequestIsBoundToItsBrowser has an attacker start a request and send ada the link.
func TestARequestIsBoundToItsBrowser(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	app := s.App(t, keyporter.App{})
	request, _ := s.Ask(t, app)
	for _, cookie := range []string{"", "something else"} {
		v.setAuthorizeCookie(t, cookie)
		v.get("/connect/"+request).want(t, 404, "This request has ended")
		v.post("/connect/"+request, "answer", "allow").want(t, 404)
		v.post("/connect/"+request, "answer", "deny").want(t, 404)
	}
	if _, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("connected: %v", err)
	}
}

// TestConsentCannotBeFramedOrForged checks the headers that make browsers protect the page, and sends
// its form from another site.
func TestConsentCannotBeFramedOrForged(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	app := s.App(t, keyporter.App{})
	path := v.requestConsent(t, app)
	res, err := v.client.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "form-action 'self'") || res.Header.Get("X-Frame-Options") != "DENY" ||
		res.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", res.Header)
	}
	v.header = http.Header{"Sec-Fetch-Site": {"same-site"}}
	v.post(path, "answer", "allow").want(t, 403, "another site")
	if _, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("connected: %v", err)
	}
}

// TestScopesLeftOutStayOut changes the app while ada reads the consent page: an optional scope becomes
// required, or the app gives it up.
func TestScopesLeftOutStayOut(t *testing.T) {
	for name, scopes := range map[string][]keyporter.AppScope{
		"required": {{Name: "envelope.read"}, {Name: "envelope.send"}}, "given up": {{Name: "envelope.read"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			ada, v := s.ada(t)
			app := s.App(t, keyporter.App{Scopes: []keyporter.AppScope{{Name: "envelope.read"}, {Name: "envelope.send", Optional: true}}})
			path := v.requestConsent(t, app, func(a *keyportertest.Authorization) { a.Asked.Scopes = []string{"envelope.read", "envelope.send"} })
			page := v.get(path)
			app.Scopes = scopes
			if _, err := s.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
				t.Fatal(err)
			}
			v.submit(page, path, "answer", "allow", "scope", "openid").want(t, 200, "http-equiv")
			if conn, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID); err != nil || strings.Join(conn.Scopes, " ") != "envelope.read" {
				t.Errorf("ada left out envelope.send, but the connection has %v, %v", conn.Scopes, err)
			}
		})
	}
}

// TestAppsCanRequireAFreshSignIn requires it of a user who has just signed in, which must not loop.
func TestAppsCanRequireAFreshSignIn(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	grace := keyportertest.User(t, s.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	app := s.App(t, keyporter.App{})
	s.Clock.Advance(time.Minute)
	path := v.requestConsent(t, app, func(a *keyportertest.Authorization) {
		a.Asked.FreshSince, a.Asked.LoginHint = s.Clock.Now(), grace.Login
	})
	v.get(path).wantRedirect(t, "/sign-in?fresh=1&login=grace%40acme.example&next="+url.QueryEscape(path))
	v.post(path, "answer", "allow").wantRedirect(t, "/sign-in?again=1")
	page := v.get("/sign-in?fresh=1&login=grace%40acme.example&next=" + url.QueryEscape(path))
	page.want(t, 200, "grace@acme.example", "already signed in")
	v.submit(page, "/sign-in", "password", "wrong").want(t, 401, "grace@acme.example", `name="fresh"`)
	v.submit(page, "/sign-in", "password", keyportertest.Password).wantRedirect(t, path)
	v.get(path).want(t, 200, "grace@acme.example", `value="allow"`)
	v.post(path, "answer", "allow").want(t, 200)
	if _, err := s.DB.ConnectionOf(t.Context(), grace.ID, app.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.DB.ConnectionOf(t.Context(), ada.ID, app.ID); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("ada is connected: %v", err)
	}
}

// TestUsersWhoMayNotConnectCanGoBack uses an organization that allows no apps.
func TestUsersWhoMayNotConnectCanGoBack(t *testing.T) {
	s := newSite(t)
	_, v := s.ada(t)
	olivia := keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator)
	path := v.requestConsent(t, s.App(t, keyporter.App{}))
	if err := s.Control.SetAppPolicy(t.Context(), keyportertest.Session(olivia), keyporter.NoApps, nil); err != nil {
		t.Fatal(err)
	}
	page := v.get(path)
	page.want(t, 403, "You can’t connect this app", "doesn’t allow apps")
	v.post(path, "answer", "allow").want(t, 403)
	v.submit(page, path, "answer", "deny").want(t, 200, `http-equiv="refresh"`)
}

func TestGuessingDeviceCodesIsLimited(t *testing.T) {
	s := newSite(t)
	_, v := s.ada(t)
	v.get("/device?user_code=%22%3Ebcdf-ghjk").want(t, 200, `value="&#34;&gt;bcdf-ghjk"`)
	for range 10 {
		v.post("/device", "code", "BCDF-GHJK").want(t, 422, "No device has this code", `value="BCDF-GHJK"`)
	}
	v.post("/device", "code", "BCDF-GHJK").want(t, 429, "Try again in")
}

// TestTheSignInKnowsWhoTheAppExpects has somebody who isn't signed in come from an app with a login_hint.
func TestTheSignInKnowsWhoTheAppExpects(t *testing.T) {
	s := newSite(t)
	ada, _ := s.ada(t)
	v := s.nobody(t)
	path := v.requestConsent(t, s.App(t, keyporter.App{})) + "?login=" + url.QueryEscape(ada.Login)
	v.get(path).wantRedirect(t, "/sign-in?again=1&ended=1&login=ada%40acme.example&next="+url.QueryEscape(path))
	page := v.get("/sign-in?again=1&ended=1&login=ada%40acme.example&next=" + url.QueryEscape(path))
	page.want(t, 200, `name="login" value="ada@acme.example"`)
	v.submit(page, "/sign-in", "password", keyportertest.Password).wantRedirect(t, path)
	v.get(path).want(t, 200, `value="allow"`)
	// Other pages don't let a link choose what stands in the form.
	s.nobody(t).get("/tokens?login=eve").wantRedirect(t, "/sign-in?again=1&ended=1&next="+url.QueryEscape("/tokens?login=eve"))
}
