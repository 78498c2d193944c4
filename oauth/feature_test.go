package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// ask sends a request with a browser, and returns where it leads.
func (w *world) ask(p *keyportertest.Person, change ...string) *url.URL {
	w.t.Helper()
	to, status, body := p.Browse(w.t, "/oauth2/authorize?"+request("public", keyportertest.Verifier(), change...).Encode())
	if status != http.StatusSeeOther {
		w.t.Fatalf("%d %s", status, body)
	}
	return to
}

func TestPrompts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	stranger := w.Stranger(t)
	consentPage := func(u *url.URL) bool { return strings.HasPrefix(u.Path, "/connect/") }
	for what, c := range map[string]struct {
		to   *url.URL
		want string // error, or empty for the page
	}{
		"a stranger":              {w.ask(stranger), ""},
		"a stranger, silently":    {w.ask(stranger, "prompt", "none"), "login_required"},
		"not connected":           {w.ask(w.person), ""},
		"not connected, silently": {w.ask(w.person, "prompt", "none"), "consent_required"},
	} {
		if got := c.to.Query().Get("error"); got != c.want || (c.want == "") != consentPage(c.to) || c.want != "" && c.to.Query().Get("iss") != w.URL {
			t.Errorf("%s: %s", what, c.to)
		}
	}
	hint := w.tokens().Text("id_token")
	if code := w.ask(w.person, "prompt", "none", "id_token_hint", hint).Query().Get("code"); code == "" {
		t.Error("prompt=none gets no code, although the app is connected")
	}
	grace := w.SignIn(t, keyportertest.User(t, w.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser))
	if to := w.ask(grace, "prompt", "none", "id_token_hint", hint); to.Query().Get("error") != "login_required" {
		t.Errorf("grace, and the hint is ada: %s", to)
	}
	if to := w.ask(w.person, "prompt", "consent"); !consentPage(to) {
		t.Errorf("prompt=consent: %s", to)
	}
	w.Clock.Advance(time.Minute)
	for _, params := range [][]string{{"prompt", "login"}, {"prompt", "select_account"}, {"max_age", "0"}, {"max_age", "59"}} {
		to := w.ask(w.person, params...)
		if !consentPage(to) {
			t.Errorf("%v: %s", params, to)
			continue
		}
		c, err := w.Control.Consent(t.Context(), w.person.Actor, strings.TrimPrefix(to.Path, "/connect/"), w.person.Cookie())
		if err != nil || !c.SignInAgain || c.Asks {
			t.Errorf("%v: %+v, %v", params, c, err)
		}
		// She signs in again in the same browser.
		again := w.SignIn(t, w.ada)
		at, _ := url.Parse(w.URL)
		w.person.Jar.SetCookies(at, again.Jar.Cookies(at))
		w.person.Actor = again.Actor
		if done, _, _ := w.person.Browse(t, "/oauth2/authorize/"+c.Request); done.Query().Get("code") == "" {
			t.Errorf("%v: after the sign-in: %s", params, done)
		}
		if done, status, _ := w.person.Browse(t, "/oauth2/authorize/"+c.Request); status != 400 || done.String() != "" {
			t.Errorf("%v: once more: %s", params, done)
		}
		w.Clock.Advance(time.Minute)
	}
	if to := w.ask(w.person, "max_age", "10000"); to.Query().Get("code") == "" {
		t.Errorf("max_age=10000: %s", to)
	}
}

func TestWhatTheUserAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	open := func(change ...string) string {
		return strings.TrimPrefix(w.ask(w.person, change...).Path, "/connect/")
	}
	both := []string{"scope", "envelope.read envelope.send"}
	id := open(both...)
	c, err := w.Control.Consent(t.Context(), w.person.Actor, id, w.person.Cookie())
	if err != nil || !c.Asks || c.RedirectTo != "app.example" || len(c.Scopes) != 2 || c.Scopes[0].Optional || !c.Scopes[1].Optional || c.Scopes[0].Scope.Means == "" {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := w.Control.Decline(t.Context(), w.person.Actor, id, w.person.Cookie()); err != nil {
		t.Fatal(err)
	}
	if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("allowed after it was denied: %v", err)
	}
	to, _, _ := w.person.Browse(t, "/oauth2/authorize/"+id)
	if to.Query().Get("error") != "access_denied" || to.Query().Get("state") != "st" || to.Query().Get("iss") != w.URL {
		t.Errorf("denied: %s", to)
	}
	// She leaves the optional one out, and isn't asked for it again.
	id = open(both...)
	if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); err != nil {
		t.Fatal(err)
	}
	w.person.Browse(t, "/oauth2/authorize/"+id)
	if conn := w.ConnectionOf(t, w.ada.ID, "public"); !slices.Equal(conn.Scopes, []string{"envelope.read"}) {
		t.Errorf("%+v", conn)
	}
	v := keyportertest.Verifier()
	a := w.Post(t, "/oauth2/token", redemption(w.code("public", v, both...), v))
	if a.Text("scope") != "envelope.read" {
		t.Errorf("granted: %v", a)
	}
}

func TestUsersWhoMayNotConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "foreign", Authentication: keyporter.AppPublic, OrganizationID: w.ada.OrganizationID})
	nobody := w.SignIn(t, keyportertest.User(t, w.Control, "Acme", "nobody@acme.example", keyporter.RoleMember))
	eve := w.SignIn(t, keyportertest.User(t, w.Control, "Other", "eve@other.example", keyporter.RoleAPIUser))
	for what, c := range map[string]struct {
		p   *keyportertest.Person
		app string
	}{"without the permission": {nobody, "public"}, "an app of another organization": {eve, "foreign"}} {
		if to := w.ask(c.p, "client_id", c.app, "prompt", "none"); to.Query().Get("error") != "access_denied" {
			t.Errorf("%s, silently: %s", what, to)
		}
		id := strings.TrimPrefix(w.ask(c.p, "client_id", c.app).Path, "/connect/")
		if _, err := w.Control.Consent(t.Context(), c.p.Actor, id, c.p.Cookie()); keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%s sees: %v", what, err)
		}
		if err := w.Control.Connect(t.Context(), c.p.Actor, control.ConnectApp{Request: id, Browser: c.p.Cookie()}); keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("%s connects: %v", what, err)
		}
	}
}

func TestAnAnswerInAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.tokens()
	res, err := w.person.Get(w.URL + "/oauth2/authorize?" + request("public", keyportertest.Verifier(), "response_mode", "form_post", "state", `"><script>`).Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	sum := sha256.Sum256([]byte("document.forms[0].submit()"))
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, base64.StdEncoding.EncodeToString(sum[:])) || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP: %s", csp)
	}
	for _, want := range []string{`action="` + callback + `"`, `name="code"`, `name="iss"`, `value="&#34;&gt;&lt;script&gt;"`, "document.forms[0].submit()"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	push := func(change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/par", request("public", v, change...))
	}
	a := push()
	if a.Status != http.StatusCreated || !strings.HasPrefix(a.Text("request_uri"), "urn:ietf:params:oauth:request_uri:") || a.Body["expires_in"] == 0.0 {
		t.Fatalf("%v", a)
	}
	brought := url.Values{"client_id": {"public"}, "request_uri": {a.Text("request_uri")}, "redirect_uri": {"https://evil.example"}, "scope": {"envelope.send"}, "state": {"other"}}
	if to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+keyportertest.With(brought, "client_id", "confidential").Encode()); status != 400 || to.String() != "" {
		t.Errorf("of another client: %d %s", status, to)
	}
	got := w.person.Authorize(t, keyportertest.With(brought, "client_id", "public"))
	if got.Get("state") != "st" {
		t.Errorf("a parameter beside request_uri isn't ignored: %v", got)
	}
	if a := w.Post(t, "/oauth2/token", redemption(got.Get("code"), v)); a.Text("scope") != "openid envelope.read" {
		t.Errorf("%v", a)
	}
	if to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+brought.Encode()); status != 400 || to.String() != "" {
		t.Errorf("again: %d %s", status, to)
	}
	late := push().Text("request_uri")
	w.Clock.Advance(91 * time.Second)
	if _, status, _ := w.person.Browse(t, "/oauth2/authorize?"+keyportertest.With(brought, "request_uri", late).Encode()); status != 400 {
		t.Errorf("too late: %d", status)
	}
	keyportertest.Refused(t, push("request_uri", a.Text("request_uri")), 400, "invalid_request")
	keyportertest.Refused(t, push("redirect_uri", callback+"/"), 400, "invalid_request")
	keyportertest.Refused(t, push("code_challenge", "", "code_challenge_method", ""), 400, "invalid_request")
	keyportertest.Refused(t, push("code_challenge_method", "plain"), 400, "invalid_request")
	keyportertest.Refused(t, push("response_type", "token"), 400, "unsupported_response_type")
	keyportertest.Refused(t, push("client_id", "confidential"), 401, "invalid_client")
	keyportertest.Refused(t, push("scope", "template.read"), 400, "invalid_scope")
	// What someone pushed doesn't connect anyone.
	if to := w.ask(w.person); to.Query().Get("code") == "" {
		t.Errorf("%s", to)
	}
}

// TestAPushedRequestCanBeLoadedAgain until the app has its answer, in the browser that loaded it first.
func TestAPushedRequestCanBeLoadedAgain(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		v := keyportertest.Verifier()
		pushed := w.Post(t, "/oauth2/par", request("public", v, "login_hint", w.ada.Login)).Text("request_uri")
		link := "/oauth2/authorize?" + url.Values{"client_id": {"public"}, "request_uri": {pushed}}.Encode()
		stranger, eve := w.Stranger(t), w.Stranger(t)
		first, _, _ := stranger.Browse(t, link)
		w.Clock.Advance(2 * time.Minute) // she reads the page
		again, _, _ := stranger.Browse(t, link)
		if !strings.HasPrefix(first.Path, "/connect/") || again.String() != first.String() || first.Query().Get("login") != w.ada.Login {
			t.Fatalf("to %s, and again to %s", first, again)
		}
		if to, status, _ := eve.Browse(t, link); status != 400 || to.String() != "" {
			t.Errorf("in another browser: %d %s", status, to)
		}
		// She signs in, in the same browser, and answers.
		at, _ := url.Parse(w.URL)
		stranger.Jar.SetCookies(at, w.person.Jar.Cookies(at))
		stranger.Actor = w.person.Actor
		to, _, _ := stranger.Browse(t, link)
		back := stranger.Allow(t, to)
		if a := w.Post(t, "/oauth2/token", redemption(back.Get("code"), v)); a.Status != 200 {
			t.Errorf("%v, %v", back, a)
		}
		if to, status, _ := stranger.Browse(t, link); status != 400 || to.String() != "" {
			t.Errorf("after the answer: %d %s", status, to)
		}
	})
}

func TestAnAppsOwnTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	form := func(change ...string) url.Values {
		return keyportertest.With(url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}, change...)
	}
	a := w.Post(t, "/oauth2/token", form())
	if a.Status != 200 || a.Text("refresh_token") != "" || a.Text("id_token") != "" || a.Text("scope") != "envelope.read envelope.send" {
		t.Fatalf("%v", a)
	}
	if b := w.Post(t, "/oauth2/token", form("scope", "envelope.read openid")); b.Text("scope") != "envelope.read" {
		t.Errorf("%v", b)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("confidential:" + url.QueryEscape(w.secret.Reveal())))
	if b := w.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", "basic "+basic); b.Status != 200 {
		t.Errorf("%v", b)
	}
	second := w.AppSecret(t, "confidential")
	if b := w.Post(t, "/oauth2/token", form("client_secret", second.Reveal())); b.Status != 200 {
		t.Errorf("its second secret: %v", b)
	}
	w.SetAppState(t, "confidential", keyporter.AppSuspended)
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", form()), 401, "invalid_client")
}

// TestARemovedRedirectURIGetsNothing has the people responsible for an app find that an
// address is an attacker's while ada is asked.
func TestARemovedRedirectURIGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	pushed := w.Post(t, "/oauth2/par", request("public", v)).Text("request_uri")
	to, _, _ := w.person.Browse(t, "/oauth2/authorize?"+request("public", v).Encode())
	id, _ := strings.CutPrefix(to.Path, "/connect/")
	if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); err != nil {
		t.Fatal(err)
	}
	app, err := w.Grants.App(t.Context(), "public")
	if err != nil {
		t.Fatal(err)
	}
	app.Name, app.Publisher, app.RedirectURIs = "Public", "Tagworks", []string{"https://app.example/other"}
	if _, err := w.Control.UpdateApp(t.Context(), keyporter.Command(), app); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/oauth2/authorize/" + id, "/oauth2/authorize?" + url.Values{"client_id": {"public"}, "request_uri": {pushed}}.Encode()} {
		if to, status, body := w.person.Browse(t, path); status != http.StatusBadRequest || to.String() != "" || !strings.Contains(body, "has ended") {
			t.Errorf("%s: %d, led to %q", path, status, to)
		}
	}
}

// TestAnAppTheOrganizationNoLongerAllowsGetsNothing requires the app to learn
// nothing about the user, and to get no new tokens. Keyporter couldn't take back JWTs.
func TestAnAppTheOrganizationNoLongerAllowsGetsNothing(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, db string) {
		w := newWorld(t, db)
		got := w.tokens()
		v := keyportertest.Verifier()
		code := w.code("public", v)
		olivia := keyportertest.Session(keyportertest.User(t, w.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
		allow := func(policy keyporter.AppPolicy, listed ...keyporter.ID) {
			t.Helper()
			if err := w.Control.SetAppPolicy(t.Context(), olivia, policy, listed); err != nil {
				t.Fatal(err)
			}
		}
		for _, listed := range [][]keyporter.ID{nil, {"confidential"}} {
			if allow(keyporter.NoApps); listed != nil {
				allow(keyporter.ListedApps, listed...)
			}
			if w.works(got.Text("access_token")) {
				t.Errorf("with %v, the app learns who ada is", listed)
			}
			keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_grant")
			keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v)), 400, "invalid_grant")
		}
		allow(keyporter.ListedApps, "public")
		if a := w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))); a.Status != 200 || !w.works(got.Text("access_token")) {
			t.Errorf("it is allowed again, but doesn't work: %v", a)
		}
	})
}

func TestSuspendingAnAppStopsItsTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	got := w.tokens()
	w.SetAppState(t, "public", keyporter.AppSuspended)
	if w.works(got.Text("access_token")) {
		t.Error("the access token works")
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 401, "invalid_client")
	w.SetAppState(t, "public", keyporter.AppActive)
	if !w.works(got.Text("access_token")) {
		t.Error("the app was resumed, but its access token doesn't work")
	}
}

func TestARemovedScopeIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	got := w.tokens("scope", "openid email envelope.read")
	if a := w.userInfo("Bearer " + got.Text("access_token")); a.Text("email") != w.ada.Login {
		t.Errorf("%v", a)
	}
	w.SetConnectionScopes(t, w.ConnectionOf(t, w.ada.ID, "public"), "openid", "envelope.read")
	if a := w.userInfo("Bearer " + got.Text("access_token")); a.Status != 200 || a.Text("email") != "" {
		t.Errorf("%v", a)
	}
	next := w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")))
	if next.Text("scope") != "openid envelope.read" {
		t.Errorf("%v", next)
	}
	if a := w.userInfo("Bearer " + w.tokens("scope", "envelope.read").Text("access_token")); a.Status != 403 || !strings.HasSuffix(a.Header.Get("WWW-Authenticate"), `error="insufficient_scope", error_description="The token doesn't have the openid scope.", scope="openid"`) {
		t.Errorf("without openid: %v", a)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	revoke := func(token string, change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/revoke", keyportertest.With(url.Values{"token": {token}, "client_id": {"public"}}, change...))
	}
	ok := func(a keyportertest.Answer) {
		t.Helper()
		if a.Status != http.StatusOK || a.Body != nil {
			t.Errorf("%v", a)
		}
	}
	got := w.tokens()
	access, refresh := got.Text("access_token"), got.Text("refresh_token")
	foreign := []string{"client_id", "confidential", "client_secret", w.secret.Reveal()}
	ok(revoke(access, foreign...))
	ok(revoke(refresh, foreign...))
	ok(revoke("unknown"))
	ok(revoke(keyporter.NewSecret(keyporter.SecretUserToken).Reveal()))
	if !w.works(access) {
		t.Fatal("another client's token was touched")
	}
	keyportertest.Refused(t, revoke(""), 400, "invalid_request")
	keyportertest.Refused(t, revoke(access, "client_id", "confidential"), 401, "invalid_client")
	ok(revoke(access, "token_type_hint", "refresh_token"))
	if w.works(access) {
		t.Error("a revoked token works")
	}
	next := w.Post(t, "/oauth2/token", refreshing(refresh))
	if next.Status != 200 {
		t.Fatalf("the refresh token went with the access token: %v", next)
	}
	ok(revoke(next.Text("refresh_token"), "token_type_hint", "access_token"))
	if w.works(next.Text("access_token")) {
		t.Error("the access token of a revoked refresh token works")
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(next.Text("refresh_token"))), 400, "invalid_grant")
	if w.ConnectionOf(t, w.ada.ID, "public").ID == "" || len(w.events(keyporter.EventAccessTokenDelete)) != 1 || len(w.events(keyporter.EventGrantRevoke)) != 1 {
		t.Error("the connection ended, or there are no events")
	}
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	rs := w.AppSecret(t, "rs").Reveal()
	ask := func(token string, change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/introspect", keyportertest.With(url.Values{"token": {token}, "client_id": {"rs"}, "client_secret": {rs}}, change...))
	}
	inactive := func(what string, a keyportertest.Answer) {
		t.Helper()
		if a.Status != 200 || len(a.Body) != 1 || a.Body["active"] != false {
			t.Errorf("%s: %v", what, a)
		}
	}
	got := w.tokens()
	a := ask(got.Text("access_token"))
	if a.Body["active"] != true || a.Text("sub") != string(w.ada.ID) || a.Text("client_id") != "public" || a.Text("scope") != "openid envelope.read" ||
		a.Text("username") != w.ada.Login || a.Text("iss") != w.URL || a.Text("token_type") != "Bearer" || a.Body["exp"] == nil {
		t.Errorf("%v", a)
	}
	_, user := keyportertest.Token(t, w.Control, w.ada, "Export")
	if a := ask(user.Reveal()); a.Body["active"] != true || a.Text("keyporter_kind") != "user_token" || a.Text("client_id") != "" {
		t.Errorf("a user token: %v", a)
	}
	own := []string{"client_id", "confidential", "client_secret", w.secret.Reveal()}
	inactive("another app's, to who is no resource server", ask(got.Text("access_token"), own...))
	inactive("a user token, to an app", ask(user.Reveal(), own...))
	inactive("another app's refresh token", ask(got.Text("refresh_token")))
	inactive("unknown", ask("x"))
	mine := w.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}})
	if a := ask(mine.Text("access_token"), own...); a.Body["active"] != true || a.Text("sub") != "confidential" {
		t.Errorf("its own: %v", a)
	}
	keyportertest.Refused(t, ask("x", "client_id", "public", "client_secret", ""), 401, "invalid_client")
	keyportertest.Refused(t, ask("x", "client_secret", w.secret.Reveal()), 401, "invalid_client")
	keyportertest.Refused(t, ask(""), 400, "invalid_request")
	w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, "public"))
	inactive("disconnected", ask(got.Text("access_token")))
}

func TestResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	rs := w.AppSecret(t, "rs").Reveal()
	w.tokens() // ada connects the app
	for times := range 3 {
		v := keyportertest.Verifier()
		params := request("public", v)
		for range times {
			params.Add("resource", keyportertest.Resource)
		}
		got := w.Post(t, "/oauth2/token", redemption(w.person.Authorize(t, params).Get("code"), v))
		a := w.Post(t, "/oauth2/introspect", url.Values{"token": {got.Text("access_token")}, "client_id": {"rs"}, "client_secret": {rs}})
		if aud, _ := a.Body["aud"].([]any); len(aud) != min(times, 1) || len(aud) == 1 && aud[0] != keyportertest.Resource {
			t.Errorf("named %d times: %v", times, a)
		}
	}
	for asked, is := range map[string]bool{
		"HTTPS://API.example:443/%65sign": true, keyportertest.Resource + "/": false, keyportertest.Resource + "?": false, keyportertest.Resource + "#": false,
		"https://api.example:8443/esign": false, "http://api.example/esign": false, "https://api.example/ESIGN": false, "https://x@api.example/esign": false,
	} {
		v := keyportertest.Verifier()
		back := w.person.Authorize(t, request("public", v, "resource", asked))
		if !is {
			if back.Get("error") != "invalid_target" {
				t.Errorf("%s: %v", asked, back)
			}
			continue
		}
		got := w.Post(t, "/oauth2/token", redemption(back.Get("code"), v, "resource", asked))
		a := w.Post(t, "/oauth2/introspect", url.Values{"token": {got.Text("access_token")}, "client_id": {"rs"}, "client_secret": {rs}})
		if aud, _ := a.Body["aud"].([]any); len(aud) != 1 || aud[0] != keyportertest.Resource {
			t.Errorf("%s: %v", asked, a)
		}
	}
}

// TestTheUserIsAskedEachTimeAboutAnAppOnTheirMachine (RFC 8252 §8.6): another
// program there could impersonate the app, and would get a code without anyone noticing. The
// user is asked once about an app that is at a web address or has a secret.
func TestTheUserIsAskedEachTimeAboutAnAppOnTheirMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "phone", Authentication: keyporter.AppPublic, RedirectURIs: []string{"com.example.app:/cb"}})
	for _, c := range []struct {
		app, redirect string
		asked         bool
	}{
		{"public", "http://127.0.0.1:4711/cb", true},
		{"public", callback, false},
		{"phone", "com.example.app:/cb", true},
		{"confidential", "http://127.0.0.1/cb", false},
	} {
		verifier := keyportertest.Verifier()
		w.code(c.app, verifier, "redirect_uri", c.redirect)
		to, _, _ := w.person.Browse(t, "/oauth2/authorize?"+request(c.app, verifier, "redirect_uri", c.redirect).Encode())
		if asked := strings.HasPrefix(to.Path, "/connect/"); asked != c.asked {
			t.Errorf("%s at %s: the second time, she is sent to %s", c.app, c.redirect, to)
		}
	}
}

// TestUserInfoSaysWhoVouchesForAnAddress has an app that takes email_verified at its word.
func TestUserInfoSaysWhoVouchesForAnAddress(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		got := w.tokens("scope", "openid email")
		ask := func(verified bool) {
			t.Helper()
			a := w.userInfo("Bearer " + got.Text("access_token"))
			if a.Text("email") != w.ada.Login || a.Text("org_id") != string(w.ada.OrganizationID) || a.Body["email_verified"] != verified {
				t.Errorf("%v, want email_verified %t", a, verified)
			}
		}
		ask(false) // an administrator entered it
		provider := func(domain string) keyporter.IdentityProvider {
			p, err := w.Control.SetIdentityProvider(t.Context(), keyporter.Command(), keyporter.IdentityProvider{
				OrganizationID: w.ada.OrganizationID, Name: "Acme login", Issuer: "https://login.acme.example", ClientID: "keyporter", Domains: []string{domain},
			}, "very secret")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := provider("acme.example")
		ask(false) // the provider hasn't said anything about them
		w.Vouch(t, p, "1", w.ada)
		ask(true)
		provider("acme.test")
		ask(false) // the domain is no longer the organization's
	})
}
