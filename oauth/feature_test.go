package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/oauth"
)

// ask is a request of ada's browser, and where that leads.
func (w *world) ask(p *keyportertest.Person, change ...string) *url.URL {
	w.t.Helper()
	to, status, body := p.Browse(w.t, "/oauth2/authorize?"+request("public", keyportertest.Verifier(), change...).Encode())
	if status != http.StatusSeeOther {
		w.t.Fatalf("%d %s", status, body)
	}
	return to
}

func TestPrompts(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
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
		t.Error("connected, and silently there is no code")
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
		// He signed in anew in the same browser.
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

func TestWhatTheUserSays(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
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
	// The optional one is left out, and not asked for again.
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

func TestWhoMayNotConnect(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
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

func TestAnAnswerByAForm(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
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
	w := newWorld(t, keyportertest.SQLite(t))
	v := keyportertest.Verifier()
	push := func(change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/par", request("public", v, change...))
	}
	a := push()
	if a.Status != http.StatusCreated || !strings.HasPrefix(a.Text("request_uri"), "urn:ietf:params:oauth:request_uri:") || a.Body["expires_in"] == 0.0 {
		t.Fatalf("%v", a)
	}
	brought := url.Values{"client_id": {"public"}, "request_uri": {a.Text("request_uri")}, "redirect_uri": {"https://evil.example"}, "scope": {"envelope.send"}, "state": {"other"}}
	if to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+with(brought, "client_id", "confidential").Encode()); status != 400 || to.String() != "" {
		t.Errorf("of another client: %d %s", status, to)
	}
	got := w.person.Authorize(t, with(brought, "client_id", "public"))
	if got.Get("state") != "st" {
		t.Errorf("what is beside the request_uri counts: %v", got)
	}
	if a := w.Post(t, "/oauth2/token", redemption(got.Get("code"), v)); a.Text("scope") != "openid envelope.read" {
		t.Errorf("%v", a)
	}
	if to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+brought.Encode()); status != 400 || to.String() != "" {
		t.Errorf("once more: %d %s", status, to)
	}
	late := push().Text("request_uri")
	w.Clock.Advance(91 * time.Second)
	if _, status, _ := w.person.Browse(t, "/oauth2/authorize?"+with(brought, "request_uri", late).Encode()); status != 400 {
		t.Errorf("too late: %d", status)
	}
	refused(t, push("request_uri", a.Text("request_uri")), 400, "invalid_request")
	refused(t, push("redirect_uri", callback+"/"), 400, "invalid_request")
	refused(t, push("code_challenge", "", "code_challenge_method", ""), 400, "invalid_request")
	refused(t, push("code_challenge_method", "plain"), 400, "invalid_request")
	refused(t, push("response_type", "token"), 400, "unsupported_response_type")
	refused(t, push("client_id", "confidential"), 401, "invalid_client")
	refused(t, push("scope", "template.read"), 400, "invalid_scope")
	// Somebody else can't push what a browser is to finish.
	if to := w.ask(w.person); to.Query().Get("code") == "" {
		t.Errorf("%s", to)
	}
}

func TestDevices(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		w.app(keyporter.App{ID: "tv", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
		begin := func() keyportertest.Answer {
			return w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"openid envelope.read"}})
		}
		a := begin()
		code := a.Text("user_code")
		if a.Status != 200 || len(code) != 9 || a.Text("verification_uri") != w.URL+"/device" || a.Body["interval"] != 5.0 {
			t.Fatalf("%v", a)
		}
		poll := func(a keyportertest.Answer, client string) keyportertest.Answer {
			w.Clock.Advance(20 * time.Second)
			return w.Post(t, "/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {a.Text("device_code")}, "client_id": {client}})
		}
		refused(t, poll(a, "tv"), 400, "authorization_pending")
		w.Clock.Advance(-20 * time.Second)
		refused(t, poll(a, "tv"), 400, "slow_down")
		w.person.Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode()) // for the cookie
		if _, err := w.Control.OpenDevice(t.Context(), w.person.Actor, "BBBB-BBBB", w.person.Cookie()); keyporter.KindOf(err) != keyporter.Invalid {
			t.Errorf("a wrong code: %v", err)
		}
		allow := func(a keyportertest.Answer) string {
			id, err := w.Control.OpenDevice(t.Context(), w.person.Actor, strings.ToLower(a.Text("user_code")), w.person.Cookie())
			if err != nil {
				t.Fatal(err)
			}
			c, err := w.Control.Consent(t.Context(), w.person.Actor, id, w.person.Cookie())
			if err != nil || !c.Device || !c.Asks || c.RedirectTo != "" {
				t.Fatalf("%+v, %v", c, err)
			}
			return id
		}
		id := allow(a)
		if err := w.Control.Connect(t.Context(), w.person.Actor, control.ConnectApp{Request: id, Browser: w.person.Cookie()}); err != nil {
			t.Fatal(err)
		}
		got := poll(a, "tv")
		if got.Status != 200 || !w.works(got.Text("access_token")) || w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"), "client_id", "tv")).Status != 200 {
			t.Fatalf("%v", got)
		}
		refused(t, poll(a, "tv"), 400, "invalid_grant")
		if !w.works(got.Text("access_token")) {
			t.Error("asking once more ends what was given")
		}

		denied := begin()
		if err := w.Control.Decline(t.Context(), w.person.Actor, allow(denied), w.person.Cookie()); err != nil {
			t.Fatal(err)
		}
		refused(t, poll(denied, "tv"), 400, "access_denied")
		late := begin()
		refused(t, poll(late, "public"), 400, "invalid_grant")
		w.Clock.Advance(16 * time.Minute)
		refused(t, poll(late, "tv"), 400, "expired_token")
		refused(t, w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"public"}}), 400, "unauthorized_client")
		for i := range 12 {
			_, err := w.Control.OpenDevice(t.Context(), w.person.Actor, "BBBB-BBBB", w.person.Cookie())
			if want := keyporter.Invalid; i == 11 && keyporter.KindOf(err) == want {
				t.Errorf("codes can be tried as often as one likes: %v", err)
			}
		}
	})
}

func TestAnAppsOwnTokens(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	form := func(change ...string) url.Values {
		return with(url.Values{"grant_type": {"client_credentials"}, "client_id": {"confidential"}, "client_secret": {w.secret.Reveal()}}, change...)
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
	refused(t, w.Post(t, "/oauth2/token", form()), 401, "invalid_client")
}

func TestSuspendingAnAppStopsItsTokens(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	got := w.tokens()
	w.SetAppState(t, "public", keyporter.AppSuspended)
	if w.works(got.Text("access_token")) {
		t.Error("the access token works")
	}
	refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 401, "invalid_client")
	w.SetAppState(t, "public", keyporter.AppActive)
	if !w.works(got.Text("access_token")) {
		t.Error("it was resumed, and the access token doesn't work")
	}
}

func TestAScopeThatWasTakenAwayIsGoneAtOnce(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
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
	if a := w.userInfo("Bearer " + w.tokens("scope", "envelope.read").Text("access_token")); a.Status != 403 || !strings.Contains(a.Header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("without openid: %v", a)
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	revoke := func(token string, change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/revoke", with(url.Values{"token": {token}, "client_id": {"public"}}, change...))
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
	refused(t, revoke(""), 400, "invalid_request")
	refused(t, revoke(access, "client_id", "confidential"), 401, "invalid_client")
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
	refused(t, w.Post(t, "/oauth2/token", refreshing(next.Text("refresh_token"))), 400, "invalid_grant")
	if w.ConnectionOf(t, w.ada.ID, "public").ID == "" || len(w.events(keyporter.EventAccessTokenDelete)) != 1 || len(w.events(keyporter.EventGrantRevoke)) != 1 {
		t.Error("the connection ended, or there are no events")
	}
}

func TestIntrospection(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	rs := w.AppSecret(t, "rs").Reveal()
	ask := func(token string, change ...string) keyportertest.Answer {
		return w.Post(t, "/oauth2/introspect", with(url.Values{"token": {token}, "client_id": {"rs"}, "client_secret": {rs}}, change...))
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
	refused(t, ask("x", "client_id", "public", "client_secret", ""), 401, "invalid_client")
	refused(t, ask("x", "client_secret", w.secret.Reveal()), 401, "invalid_client")
	refused(t, ask(""), 400, "invalid_request")
	w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, "public"))
	inactive("disconnected", ask(got.Text("access_token")))
}

// signer makes proofs and assertions.
type signer struct {
	key *ecdsa.PrivateKey
	jwk jose.JSONWebKey
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key, jose.JSONWebKey{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}
}

func (s *signer) thumbprint() string {
	sum, _ := s.jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum)
}

func (s *signer) sign(t testing.TB, claims map[string]any, typ string) string {
	t.Helper()
	o := (&jose.SignerOptions{EmbedJWK: typ == "dpop+jwt"}).WithType(jose.ContentType(typ))
	if typ != "dpop+jwt" {
		o = o.WithHeader("kid", "k1")
	}
	sig, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(sig).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// proof is a good DPoP proof; change has claims that are set, or taken out if nil.
func (s *signer) proof(t testing.TB, method, at string, change ...any) string {
	t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": at, "iat": time.Now().Unix()}
	for i := 0; i+1 < len(change); i += 2 {
		name, _ := change[i].(string)
		if claims[name] = change[i+1]; change[i+1] == nil {
			delete(claims, name)
		}
	}
	return s.sign(t, claims, "dpop+jwt")
}

func ath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestTokensBoundToAKey(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	key, other := newSigner(t), newSigner(t)
	tokenURL, userURL := w.URL+"/oauth2/token", w.URL+"/oauth2/userinfo"
	redeem := func(proof string, change ...string) keyportertest.Answer {
		v := keyportertest.Verifier()
		return w.Post(t, "/oauth2/token", redemption(w.code("public", v, change...), v), "DPoP", proof)
	}
	got := redeem(key.proof(t, "POST", tokenURL))
	access := got.Text("access_token")
	if got.Status != 200 || got.Text("token_type") != "DPoP" {
		t.Fatalf("%v", got)
	}
	now := time.Now()
	for what, proof := range map[string]string{
		"another method":  key.proof(t, "GET", tokenURL),
		"another address": key.proof(t, "POST", userURL),
		"too old":         key.proof(t, "POST", tokenURL, "iat", now.Add(-10*time.Minute).Unix()),
		"of the future":   key.proof(t, "POST", tokenURL, "iat", now.Add(10*time.Minute).Unix()),
		"no jti":          key.proof(t, "POST", tokenURL, "jti", nil),
		"no iat":          key.proof(t, "POST", tokenURL, "iat", nil),
		"expired":         key.proof(t, "POST", tokenURL, "exp", now.Add(-time.Minute).Unix()),
		"another type":    key.sign(t, map[string]any{"jti": "x", "htm": "POST", "htu": tokenURL, "iat": now.Unix()}, "jwt"),
		"no JWT":          "x",
	} {
		if a := redeem(proof); a.Status != 400 || a.Text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %v", what, a)
		}
	}
	for _, seconds := range []int{-10, 10} {
		if a := redeem(key.proof(t, "POST", tokenURL, "iat", now.Add(time.Duration(seconds)*time.Second).Unix())); a.Status != 200 {
			t.Errorf("a clock that is %d s ahead: %v", seconds, a)
		}
	}
	once := key.proof(t, "POST", tokenURL)
	if a := redeem(once); a.Status != 200 {
		t.Errorf("%v", a)
	}
	refused(t, redeem(once), 400, "invalid_dpop_proof")
	refused(t, redeem(other.proof(t, "POST", tokenURL), "dpop_jkt", key.thumbprint()), 400, "invalid_dpop_proof")
	refused(t, redeem("", "dpop_jkt", key.thumbprint()), 400, "invalid_dpop_proof")

	proof := key.proof(t, "GET", userURL, "ath", ath(access))
	if a := w.userInfo("DPoP "+access, "DPoP", proof); a.Status != 200 {
		t.Errorf("userinfo: %v", a)
	}
	for what, a := range map[string]keyportertest.Answer{
		"as a bearer token":             w.userInfo("Bearer " + access),
		"as a bearer token, with proof": w.userInfo("Bearer "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath(access))),
		"no proof":                      w.userInfo("DPoP " + access),
		"another key":                   w.userInfo("DPoP "+access, "DPoP", other.proof(t, "GET", userURL, "ath", ath(access))),
		"another token":                 w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath("x"))),
		"no token":                      w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL)),
		"the proof again":               w.userInfo("DPoP "+access, "DPoP", proof),
		"two proofs":                    w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath(access)), "DPoP", key.proof(t, "GET", userURL, "ath", ath(access))),
		"a bearer token as bound":       w.userInfo("DPoP "+w.tokens().Text("access_token"), "DPoP", key.proof(t, "GET", userURL)),
	} {
		if a.Status != 401 && a.Status != 400 || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %v", what, a)
		}
	}
	refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_dpop_proof")
	refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")), "DPoP", other.proof(t, "POST", tokenURL)), 400, "invalid_dpop_proof")
	if a := w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")), "DPoP", key.proof(t, "POST", tokenURL)); a.Status != 200 || a.Text("token_type") != "DPoP" {
		t.Errorf("refresh: %v", a)
	}
}

func TestAnAppThatSignsWhoItIs(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		other := keyportertest.NewNode(t, address)
		key, stranger := newSigner(t), newSigner(t)
		keys, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.jwk}})
		w.app(keyporter.App{ID: "signs", Authentication: keyporter.AppKey, OwnTokens: true, Keys: string(keys)})
		assertion := func(s *signer, change ...any) string {
			claims := map[string]any{"iss": "signs", "sub": "signs", "aud": w.URL, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
			for i := 0; i+1 < len(change); i += 2 {
				name, _ := change[i].(string)
				claims[name] = change[i+1]
			}
			return s.sign(t, claims, "JWT")
		}
		form := func(assertion string) url.Values {
			return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
		}
		once := assertion(key)
		for _, a := range []string{once, assertion(key, "aud", w.URL+"/oauth2/token")} {
			if a := w.Post(t, "/oauth2/token", form(a)); a.Status != 200 {
				t.Errorf("%v", a)
			}
		}
		second := other.AuthServer(t, func(c *oauth.Config) { c.Issuer = w.URL })
		for what, text := range map[string]string{
			"shown again":      once,
			"another key":      assertion(stranger),
			"another audience": assertion(key, "aud", "https://evil.example"),
			"expired":          assertion(key, "exp", time.Now().Add(-time.Minute).Unix()),
			"for a year":       assertion(key, "exp", time.Now().AddDate(1, 0, 0).Unix()),
			"another app":      assertion(key, "sub", "public"),
			"of another app":   assertion(key, "iss", "public"),
			"unsigned":         unsigned(`{"iss":"signs","sub":"signs"}`),
			"not a JWT":        "x",
		} {
			for _, srv := range []*keyportertest.AuthServer{w.AuthServer, second} {
				if a := srv.Post(t, "/oauth2/token", form(text)); a.Status != 401 || a.Text("error") != "invalid_client" {
					t.Errorf("%s: %v", what, a)
				}
			}
		}
	})
}

func TestAKeyIDThatPointsAtAnAddressIsNotFollowed(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	asked := false
	srv := httptestServer(t, func() { asked = true })
	key := newSigner(t)
	keys, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.jwk}})
	w.app(keyporter.App{ID: "signs", Authentication: keyporter.AppKey, OwnTokens: true, Keys: string(keys)})
	thief := newSigner(t)
	for _, name := range []jose.HeaderKey{"kid", "jku", "x5u"} {
		sig, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: thief.key}, (&jose.SignerOptions{}).WithHeader("kid", "k1").WithHeader(name, srv))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := jwt.Signed(sig).Claims(map[string]any{"iss": "signs", "sub": "signs", "aud": w.URL, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}).Serialize()
		a := w.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}})
		refused(t, a, 401, "invalid_client")
	}
	if asked {
		t.Error("an address that a request named was fetched")
	}
}

func TestJWTs(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	w.app(keyporter.App{ID: "jwt", Authentication: keyporter.AppPublic, JWT: true})
	v := keyportertest.Verifier()
	get := func(change ...string) (jwt.Claims, map[string]any) {
		a := w.Post(t, "/oauth2/token", redemption(w.code("jwt", v, change...), v, "client_id", "jwt"))
		token, err := jwt.ParseSigned(a.Text("access_token"), []jose.SignatureAlgorithm{jose.ES256})
		if err != nil || token.Headers[0].ExtraHeaders["typ"] != "at+jwt" {
			t.Fatalf("%v, %v", a, err)
		}
		var set jose.JSONWebKeySet
		res, err := http.Get(w.URL + "/oauth2/jwks")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		var claims jwt.Claims
		more := map[string]any{}
		if err := token.Claims(set.Key(token.Headers[0].KeyID)[0].Key, &claims, &more); err != nil {
			t.Fatal(err)
		}
		return claims, more
	}
	claims, more := get()
	if claims.Issuer != w.URL || claims.Subject != string(w.ada.ID) || !claims.Audience.Contains(w.URL) || claims.ID == "" || more["client_id"] != "jwt" || more["scope"] != "openid envelope.read" {
		t.Errorf("%+v %v", claims, more)
	}
	if claims, _ := get("resource", keyportertest.Resource); !slices.Equal(claims.Audience, jwt.Audience{keyportertest.Resource}) {
		t.Errorf("for one API: %+v", claims)
	}
}

func TestKeysRotate(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		second := keyportertest.NewNode(t, address)
		second.Clock.Stop()
		other := second.AuthServer(t)
		kids := func(s *keyportertest.AuthServer) (all []string) {
			var set jose.JSONWebKeySet
			res, err := http.Get(s.URL + "/oauth2/jwks")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			text, _ := io.ReadAll(res.Body)
			if err := json.Unmarshal(text, &set); err != nil || strings.Contains(string(text), `"d"`) {
				t.Fatalf("%v %s", err, text)
			}
			for _, k := range set.Keys {
				all = append(all, k.KeyID)
			}
			return all
		}
		signs := func() string {
			token, err := jwt.ParseSigned(w.tokens().Text("id_token"), []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			return token.Headers[0].KeyID
		}
		first := kids(w.AuthServer)
		if len(first) != 2 || !slices.Equal(first, kids(other)) {
			t.Fatalf("%v and %v", first, kids(other))
		}
		old := signs()
		w.Clock.Advance(91 * 24 * time.Hour)
		w.person = w.SignIn(t, w.ada)
		published := kids(w.AuthServer)
		if len(published) != 4 || signs() != old {
			t.Errorf("published %v, and %s signs", published, signs())
		}
		w.Clock.Advance(25 * time.Hour)
		w.person = w.SignIn(t, w.ada)
		if now := signs(); now == old || !slices.Contains(published, now) || len(kids(w.AuthServer)) != 4 {
			t.Errorf("a day later %s signs, of %v", now, kids(w.AuthServer))
		}
		w.Clock.Advance(26 * time.Hour)
		if left := kids(w.AuthServer); len(left) != 2 || slices.Contains(left, old) {
			t.Errorf("in the end: %v", left)
		}
	})
}

func TestResources(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	got := w.tokens("resource", keyportertest.Resource)
	w.app(keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	a := w.Post(t, "/oauth2/introspect", url.Values{"token": {got.Text("access_token")}, "client_id": {"rs"}, "client_secret": {w.AppSecret(t, "rs").Reveal()}})
	if aud, _ := a.Body["aud"].([]any); len(aud) != 1 || aud[0] != keyportertest.Resource {
		t.Errorf("%v", a)
	}
}

func TestRegistration(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t), func(c *oauth.Config) { c.Register = true })
	send := func(method, path, token, body string) keyportertest.Answer {
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return keyportertest.Do(t, req)
	}
	a := send("POST", "/oauth2/register", "", `{"client_name":"Tool","redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"logo_uri":"http://169.254.169.254/","jwks_uri":""}`)
	id, token := a.Text("client_id"), a.Text("registration_access_token")
	if a.Status != http.StatusCreated || id == "" || token == "" || a.Text("client_secret") != "" || a.Text("scope") == "" {
		t.Fatalf("%v", a)
	}
	v := keyportertest.Verifier()
	if _, status, body := w.person.Browse(t, "/oauth2/authorize?"+request(id, v, "redirect_uri", "http://127.0.0.1:7/cb").Encode()); status != 400 || !strings.Contains(body, "approved") {
		t.Errorf("an app that nobody approved: %d %s", status, body)
	}
	w.SetAppState(t, keyporter.ID(id), keyporter.AppActive)
	code := w.code(id, v, "redirect_uri", "http://127.0.0.1:7/cb")
	if a := w.Post(t, "/oauth2/token", redemption(code, v, "client_id", id, "redirect_uri", "http://127.0.0.1:7/cb")); a.Status != 200 {
		t.Errorf("%v", a)
	}
	at := "/oauth2/register/" + id
	if a := send("GET", at, token, ""); a.Status != 200 || a.Text("client_name") != "Tool" {
		t.Errorf("%v", a)
	}
	refused(t, send("GET", at, "x", ""), 401, "invalid_token")
	refused(t, send("GET", at, "", ""), 401, "invalid_token")
	refused(t, send("GET", "/oauth2/register/public", token, ""), 401, "invalid_token")
	if a := send("PUT", at, token, `{"client_id":"`+id+`","client_name":"Bank","redirect_uris":["https://evil.example/cb"],"token_endpoint_auth_method":"none"}`); a.Status != 200 {
		t.Errorf("%v", a)
	}
	if _, status, _ := w.person.Browse(t, "/oauth2/authorize?"+request(id, v, "redirect_uri", "https://evil.example/cb").Encode()); status != 400 {
		t.Errorf("what it changed nobody approved: %d", status)
	}
	secret := send("POST", "/oauth2/register", "", `{"redirect_uris":["https://app.example/cb"]}`)
	if kind, ok := keyporter.ParseSecret(secret.Text("client_secret")); !ok || kind != keyporter.SecretApp || secret.Body["client_secret_expires_at"] != 0.0 {
		t.Errorf("%v", secret)
	}
	for body, code := range map[string]string{
		`{`: "invalid_request",
		`{"redirect_uris":["https://app.example/cb#f"]}`:                                                                      "invalid_redirect_uri",
		`{"redirect_uris":["http://app.example/cb"]}`:                                                                         "invalid_redirect_uri",
		`{"redirect_uris":["javascript:alert(1)"],"token_endpoint_auth_method":"none"}`:                                       "invalid_redirect_uri",
		`{"redirect_uris":["https://a.example/cb"],"jwks_uri":"https://a.example/jwks"}`:                                      "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"grant_types":["implicit"]}`:                                               "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"scope":"admin"}`:                                                          "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"client_name":"A\u202eB"}`:                                                 "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"private_key_jwt"}`:                           "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"none","grant_types":["client_credentials"]}`: "invalid_client_metadata",
		`{"grant_types":["authorization_code"]}`:                                                                              "invalid_redirect_uri",
	} {
		refused(t, send("POST", "/oauth2/register", "", body), 400, code)
	}
	if a := send("DELETE", at, token, ""); a.Status != http.StatusNoContent {
		t.Errorf("%v", a)
	}
	refused(t, send("GET", at, token, ""), 401, "invalid_token")
	last := 0
	for range 12 {
		last = send("POST", "/oauth2/register", "", `{"redirect_uris":["https://app.example/cb"]}`).Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("anybody may register as much as he likes: %d", last)
	}
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	var docs []map[string]any
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
		req.Header.Set("Origin", "https://app.example")
		a := keyportertest.Do(t, req)
		if a.Text("issuer") != w.URL || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, a)
		}
		docs = append(docs, a.Body)
	}
	for name, value := range docs[0] {
		at, _ := value.(string)
		if !strings.HasSuffix(name, "_endpoint") {
			continue
		}
		res, err := w.Stranger(t).PostForm(at, url.Values{})
		if err != nil || res.StatusCode == http.StatusNotFound {
			t.Errorf("%s isn't at %s: %v", name, at, err)
		}
	}
	if len(docs[0]) != len(docs[1]) || docs[0]["registration_endpoint"] != nil {
		t.Error("the two documents differ, or apps can register")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, w.URL+"/oauth2/token", nil)
	req.Header.Set("Origin", "https://app.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	if a := keyportertest.Do(t, req); a.Status != http.StatusNoContent || a.Header.Get("Access-Control-Allow-Methods") != "POST" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %v", a)
	}
}

func TestUserInfoTakesTheTokenByAForm(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	token := w.tokens("scope", "openid profile email").Text("access_token")
	a := w.Post(t, "/oauth2/userinfo", url.Values{"access_token": {token}})
	if a.Status != 200 || a.Text("email") != w.ada.Login || a.Text("name") != w.ada.Login {
		t.Errorf("%v", a)
	}
	refused(t, w.Post(t, "/oauth2/userinfo", url.Values{"access_token": {token}}, "Authorization", "Bearer "+token), 400, "invalid_request")
	none := w.Post(t, "/oauth2/userinfo", url.Values{})
	if none.Status != 401 || none.Header.Get("WWW-Authenticate") != `Bearer realm="Keyporter"` {
		t.Errorf("without a token: %v", none)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/oauth2/userinfo?access_token="+token, nil)
	if a := keyportertest.Do(t, req); a.Status != 401 {
		t.Errorf("in the address: %v", a)
	}
}
