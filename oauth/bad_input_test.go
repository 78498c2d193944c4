package oauth_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/oauth"
)

// huge is a value of 100 KiB.
var huge = strings.Repeat("x", 100<<10)

// post brings a request in a form, which one of 100 KiB needs.
func (w *world) post(p *keyportertest.Person, params url.Values) (*url.URL, int, string) {
	w.t.Helper()
	res, err := p.PostForm(w.URL+"/oauth2/authorize", params)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	to, _ := url.Parse(res.Header.Get("Location"))
	return to, res.StatusCode, string(text)
}

func TestARequestOfAnUncertainAppOrAddressIsNotSentBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "suspended", State: keyporter.AppSuspended, Authentication: keyporter.AppPublic})
	w.app(keyporter.App{ID: "quarantined", State: keyporter.AppQuarantined, Authentication: keyporter.AppPublic})
	v := keyportertest.Verifier()
	cases := map[string]url.Values{
		"no client":           request("public", v, "client_id", ""),
		"unknown client":      request("nobody", v),
		"a client with NUL":   request("pub\x00lic", v),
		"a huge client":       request(strings.Repeat("x", 9<<10), v),
		"suspended":           request("suspended", v),
		"quarantined":         request("quarantined", v),
		"no redirect URI":     request("public", v, "redirect_uri", ""),
		"unknown pushed":      {"client_id": {"public"}, "request_uri": {"urn:ietf:params:oauth:request_uri:nothing"}},
		"two clients":         keyportertest.With(request("public", v)),
		"two redirect URIs":   keyportertest.With(request("public", v)),
		"a huge redirect":     request("public", v, "redirect_uri", callback+strings.Repeat("x", 9<<10)),
		"a broken line in it": request("public", v, "redirect_uri", callback+"\r\nSet-Cookie: x=1"),
	}
	cases["two clients"].Add("client_id", "confidential")
	cases["two redirect URIs"].Add("redirect_uri", "https://evil.example/")
	for _, uri := range []string{
		callback + "/", "https://app.example/CB", "https://app.example/cb?", "https://app.example/cb?x=1", callback + "#", callback + "#x",
		"https://app.example:443/cb", "https://app.example:8443/cb", "HTTPS://app.example/cb", "https://APP.example/cb", "http://app.example/cb",
		"https://x@app.example/cb", "https://app.example@evil.example/cb", "https://app.example.evil.example/cb", "https://app.example/%63b",
		"https://app.example/x/../cb", "https://app.example//cb", "//app.example/cb", "/cb", "https://app.example\\@evil.example/cb", " " + callback, callback + " ",
		"https://evil.example/", "javascript:alert(1)", "data:text/html,x", "http://127.0.0.1:99/cb/", "http://127.0.0.1:x/cb", "http://127.0.0.1:/cb", "http://127.0.0.2/cb",
		"https://127.0.0.1/cb", "http://localhost/cb", "http://127.0.0.1@evil.example/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1#@evil.example/cb",
		"http://127.0.0.1.evil.example/cb", "http://[::1]/CB", "http://[::1/cb", "http://::1/cb", "http://[::ffff:127.0.0.1]/cb", "http://0x7f.1/cb",
	} {
		cases["redirect to "+uri] = request("public", v, "redirect_uri", uri)
	}
	for what, params := range cases {
		for way, bring := range map[string]func() (*url.URL, int, string){
			"GET":  func() (*url.URL, int, string) { return w.person.Browse(t, "/oauth2/authorize?"+params.Encode()) },
			"POST": func() (*url.URL, int, string) { return w.post(w.person, params) },
		} {
			to, status, body := bring()
			if status != http.StatusBadRequest || to.String() != "" || !strings.Contains(body, "This app can’t continue") {
				t.Errorf("%s, %s: %d, to %q", what, way, status, to)
			}
		}
	}
	if to, status, _ := w.post(w.person, request("public", v, "redirect_uri", huge)); status != http.StatusBadRequest || to.String() != "" {
		t.Errorf("100 KiB: %d, to %q", status, to)
	}
}

func TestAnAppOnTheUsersMachineMayUseAnyPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "local", Authentication: keyporter.AppPublic, RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost:33418/callback"}})
	for _, uri := range []string{
		"http://127.0.0.1/cb", "http://127.0.0.1:1234/cb", "http://[::1]:65535/cb", "http://[::1]/cb",
		"http://localhost:33418/callback", "http://localhost:33419/callback", "http://localhost/callback",
	} {
		v := keyportertest.Verifier()
		code := w.code("local", v, "redirect_uri", uri)
		if a := w.Post(t, "/oauth2/token", redemption(code, v, "redirect_uri", uri, "client_id", "local")); a.Status != http.StatusOK {
			t.Errorf("%s: %v", uri, a)
		}
	}
	for _, uri := range []string{
		"http://localhost:33419/cb", "http://127.0.0.1:33418/callback", "http://localhost.evil.example:33418/callback", "http://localhost:1@evil.example/callback",
		"http://localhost:x/callback", "https://localhost:33418/callback", "http://localhost./callback",
	} {
		if to, status, _ := w.person.Browse(t, "/oauth2/authorize?"+request("local", keyportertest.Verifier(), "redirect_uri", uri).Encode()); status != http.StatusBadRequest {
			t.Errorf("%s: %d, to %s", uri, status, to)
		}
	}
}

func TestTheAppLearnsWhatIsWrongWithItsRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	double := func(name string) url.Values {
		p := request("public", v)
		p[name] = append(p[name], "other", "another")
		return p
	}
	for what, c := range map[string]struct {
		params url.Values
		code   string
	}{
		"no response type":     {request("public", v, "response_type", ""), "invalid_request"},
		"implicit":             {request("public", v, "response_type", "token"), "unsupported_response_type"},
		"hybrid":               {request("public", v, "response_type", "code id_token"), "unsupported_response_type"},
		"two response types":   {double("response_type"), "invalid_request"},
		"two states":           {double("state"), "invalid_request"},
		"two scopes":           {double("scope"), "invalid_request"},
		"two of the unknown":   {double("unheard"), "invalid_request"},
		"an unknown scope":     {request("public", v, "scope", "admin groups"), "invalid_scope"},
		"a scope not its own":  {request("public", v, "scope", "template.read"), "invalid_scope"},
		"a scope of quotes":    {request("public", v, "scope", `"x"`), "invalid_scope"},
		"a fragment":           {request("public", v, "response_mode", "fragment"), "invalid_request"},
		"JSON":                 {request("public", v, "response_mode", "json"), "invalid_request"},
		"an object":            {request("public", v, "request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"},
		"an address":           {request("public", v, "request_uri", "https://evil.example/r"), "request_uri_not_supported"},
		"no challenge":         {request("public", v, "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"plain":                {request("public", v, "code_challenge_method", "plain"), "invalid_request"},
		"plain by silence":     {request("public", v, "code_challenge_method", ""), "invalid_request"},
		"a method alone":       {request("public", v, "code_challenge", ""), "invalid_request"},
		"a short challenge":    {request("public", v, "code_challenge", "abc"), "invalid_request"},
		"no challenge, secret": {request("confidential", v, "code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"an unknown prompt":    {request("public", v, "prompt", "dance"), "invalid_request"},
		"none and login":       {request("public", v, "prompt", "none login"), "invalid_request"},
		"max_age":              {request("public", v, "max_age", "soon"), "invalid_request"},
		"negative max_age":     {request("public", v, "max_age", "-1"), "invalid_request"},
		"a hint of none":       {request("public", v, "id_token_hint", unsigned(`{"sub":"x"}`)), "invalid_request"},
		"an unknown resource":  {request("public", v, "resource", "https://other.example"), "invalid_target"},
		"a bad key":            {request("public", v, "dpop_jkt", "x"), "invalid_request"},
		"a broken line":        {request("public", v, "nonce", "a\r\nb"), "invalid_request"},
		"NUL":                  {request("public", v, "nonce", "a\x00b"), "invalid_request"},
		"no text":              {request("public", v, "nonce", "a\xffb"), "invalid_request"},
		"a long nonce":         {request("public", v, "nonce", strings.Repeat("n", 9<<10)), "invalid_request"},
	} {
		to, status, body := w.person.Browse(t, "/oauth2/authorize?"+c.params.Encode())
		q := to.Query()
		if status != http.StatusSeeOther || !strings.HasPrefix(to.String(), callback+"?") || q.Get("error") != c.code || q.Get("iss") != w.URL || q.Get("code") != "" {
			t.Errorf("%s: %d to %s %.200s, want %s", what, status, to, body, c.code)
		}
		if want := "st"; what != "two states" && q.Get("state") != want {
			t.Errorf("%s: state %q", what, q.Get("state"))
		}
	}
}

func unsigned(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(claims)) + "."
}

func TestEmptyParametersCountAsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	p := request("public", v)
	for _, name := range []string{"nonce", "prompt", "max_age", "resource", "response_mode", "request", "request_uri", "id_token_hint", "dpop_jkt", "scope"} {
		p.Set(name, "")
	}
	got := w.person.Authorize(t, p)
	a := w.Post(t, "/oauth2/token", redemption(got.Get("code"), v, "scope", "", "resource", ""))
	if a.Status != 200 || a.Text("scope") != "envelope.read envelope.send" {
		t.Errorf("a request for no scope gets all of the app's: %v", a)
	}
}

func TestWhatIsWrongAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "other", Authentication: keyporter.AppPublic})
	v := keyportertest.Verifier()
	fresh := func(change ...string) url.Values { return redemption(w.code("public", v), v, change...) }
	double := func(name string) url.Values {
		f := fresh()
		f[name] = append(f[name], "other", "another")
		return f
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("confidential:"+w.secret.Reveal()))
	own := func(change ...string) url.Values {
		return keyportertest.With(url.Values{"grant_type": {"client_credentials"}}, change...)
	}
	for what, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		code   string
	}{
		"no grant type":          {form: fresh("grant_type", ""), status: 400, code: "invalid_request"},
		"password":               {form: fresh("grant_type", "password"), status: 400, code: "unsupported_grant_type"},
		"implicit":               {form: fresh("grant_type", "implicit"), status: 400, code: "unsupported_grant_type"},
		"no code":                {form: fresh("code", ""), status: 400, code: "invalid_request"},
		"another code":           {form: fresh("code", "x"), status: 400, code: "invalid_grant"},
		"no client":              {form: fresh("client_id", ""), status: 401, code: "invalid_client"},
		"unknown client":         {form: fresh("client_id", "nobody"), status: 401, code: "invalid_client"},
		"another client":         {form: fresh("client_id", "other"), status: 400, code: "invalid_grant"},
		"no redirect URI":        {form: fresh("redirect_uri", ""), status: 400, code: "invalid_grant"},
		"another redirect URI":   {form: fresh("redirect_uri", callback+"/"), status: 400, code: "invalid_grant"},
		"no verifier":            {form: fresh("code_verifier", ""), status: 400, code: "invalid_grant"},
		"another verifier":       {form: fresh("code_verifier", keyportertest.Verifier()), status: 400, code: "invalid_grant"},
		"a short verifier":       {form: fresh("code_verifier", "short"), status: 400, code: "invalid_grant"},
		"a verifier with blanks": {form: fresh("code_verifier", strings.Repeat(" ", 50)), status: 400, code: "invalid_grant"},
		"the challenge":          {form: fresh("code_verifier", keyportertest.Challenge(v)), status: 400, code: "invalid_grant"},
		"two codes":              {form: double("code"), status: 400, code: "invalid_request"},
		"two grant types":        {form: double("grant_type"), status: 400, code: "invalid_request"},
		"two verifiers":          {form: double("code_verifier"), status: 400, code: "invalid_request"},
		"100 KiB":                {form: fresh("code", huge), status: 400, code: "invalid_request"},
		"10 KiB":                 {form: fresh("code", huge[:10<<10]), status: 400, code: "invalid_request"},
		"a line break":           {form: fresh("code", "a\nb"), status: 400, code: "invalid_request"},
		"NUL":                    {form: fresh("client_id", "a\x00b"), status: 400, code: "invalid_request"},
		"an unknown resource":    {form: fresh("resource", "https://other.example"), status: 400, code: "invalid_target"},
		"a scope not granted":    {form: fresh("scope", "envelope.send"), status: 400, code: "invalid_scope"},
		"a public app's secret":  {form: fresh("client_secret", w.secret.Reveal()), status: 401, code: "invalid_client"},
		"no refresh token":       {form: refreshing(""), status: 400, code: "invalid_request"},
		"an unknown one":         {form: refreshing(keyporter.NewSecret(keyporter.SecretRefreshToken).Reveal()), status: 400, code: "invalid_grant"},
		"an access token":        {form: refreshing(w.tokens().Text("access_token")), status: 400, code: "invalid_grant"},
		"of another client":      {form: refreshing(w.tokens().Text("refresh_token"), "client_id", "other"), status: 400, code: "invalid_grant"},
		"more than was granted":  {form: refreshing(w.tokens().Text("refresh_token"), "scope", "envelope.send"), status: 400, code: "invalid_scope"},
		"no secret":              {form: own("client_id", "confidential"), status: 401, code: "invalid_client"},
		"a wrong secret":         {form: own("client_id", "confidential", "client_secret", keyporter.NewSecret(keyporter.SecretApp).Reveal()), status: 401, code: "invalid_client"},
		"a public app's own":     {form: own("client_id", "public"), status: 400, code: "unauthorized_client"},
		"two ways":               {form: own("client_id", "confidential", "client_secret", w.secret.Reveal()), header: []string{"Authorization", basic}, status: 400, code: "invalid_request"},
		"two clients":            {form: own("client_id", "public"), header: []string{"Authorization", basic}, status: 400, code: "invalid_request"},
		"a wrong Basic":          {form: own(), header: []string{"Authorization", basic[:20]}, status: 401, code: "invalid_client"},
		"Basic of another":       {form: own(), header: []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("confidential:x"))}, status: 401, code: "invalid_client"},
		"a bearer":               {form: own(), header: []string{"Authorization", "Bearer x"}, status: 401, code: "invalid_client"},
		"none signed":            {form: own("client_id", "confidential", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", unsigned(`{"iss":"confidential","sub":"confidential"}`)), status: 401, code: "invalid_client"},
		"not its scope":          {form: own("scope", "template.read"), header: []string{"Authorization", basic}, status: 400, code: "invalid_scope"},
	} {
		a := w.Post(t, "/oauth2/token", c.form, c.header...)
		if a.Status != c.status || a.Text("error") != c.code || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v, want %d %s", what, a.Status, a.Body, c.status, c.code)
		}
		if basic := len(c.header) > 0 && c.code == "invalid_client"; basic != (a.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q", what, a.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestAFailedRedemptionEndsTheGrantButNotTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	got := w.tokens()
	v := keyportertest.Verifier()
	code := w.code("public", v)
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, keyportertest.Verifier())), 400, "invalid_grant")
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v)), 400, "invalid_grant")
	if !w.works(got.Text("access_token")) {
		t.Error("another grant of the connection ended")
	}
}

func TestAVerifierWithoutAChallengeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "old", Authentication: keyporter.AppSecret, WithoutPKCE: true})
	secret := w.AppSecret(t, "old").Reveal()
	w.app(keyporter.App{ID: "oldpublic", Authentication: keyporter.AppPublic, WithoutPKCE: true})
	params := request("old", "", "code_challenge", "", "code_challenge_method", "")
	form := func(change ...string) url.Values {
		return keyportertest.With(url.Values{"grant_type": {"authorization_code"}, "client_id": {"old"}, "client_secret": {secret}, "redirect_uri": {callback}, "code": {w.person.Authorize(t, params).Get("code")}}, change...)
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", form("code_verifier", keyportertest.Verifier())), 400, "invalid_grant")
	if a := w.Post(t, "/oauth2/token", form()); a.Status != 200 {
		t.Errorf("exempt from PKCE: %v", a)
	}
	if to, _, _ := w.person.Browse(t, "/oauth2/authorize?"+keyportertest.With(params, "client_id", "oldpublic").Encode()); to.Query().Get("error") != "invalid_request" {
		t.Errorf("a public app can't be exempted: %s", to)
	}
}

// TestTheOldAddresses uses the addresses that clients used before Keyporter existed.
func TestTheOldAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "old", Authentication: keyporter.AppSecret, WithoutPKCE: true})
	secret := w.AppSecret(t, "old").Reveal()
	to, status, _ := w.person.Browse(t, "/Auth/Authorize?"+url.Values{"response_type": {"code"}, "client_id": {"old"}, "redirect_uri": {callback}, "state": {"s"}}.Encode())
	if status != http.StatusSeeOther || !strings.HasPrefix(to.Path, "/connect/") {
		t.Fatalf("%d to %s", status, to)
	}
	code := w.person.Authorize(t, url.Values{"response_type": {"code"}, "client_id": {"old"}, "redirect_uri": {callback}, "state": {"s"}}).Get("code")
	a := w.Post(t, "/ApiToken/Retrieve", url.Values{"grant_type": {"authorization_code"}, "client_id": {"old"}, "client_secret": {secret}, "redirect_uri": {callback}, "code": {code}})
	if a.Status != 200 || a.Text("token_type") != "Bearer" || a.Text("access_token") == "" {
		t.Errorf("%v", a)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/par", "/oauth2/device_authorization"} {
		_, status, _ := w.person.Browse(t, path+"?grant_type=client_credentials&client_id=public")
		if status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	for _, path := range []string{"/oauth2/", "/oauth2/device", "/oauth2/register", "/oauth2/logout", "/oauth2/bc-authorize", "/device_authorization", "/oauth2/token/"} {
		if oauth.Serves(path) {
			if a := w.Post(t, path, url.Values{}); a.Status != http.StatusNotFound {
				t.Errorf("%s: %v", path, a)
			}
		}
	}
}

func TestPKCEByAppendixB(t *testing.T) {
	t.Parallel()
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	w := newWorld(t, keyportertest.Database(t))
	code := w.person.Authorize(t, request("public", "", "code_challenge", challenge)).Get("code")
	if a := w.Post(t, "/oauth2/token", redemption(code, verifier)); a.Status != 200 {
		t.Errorf("%v", a)
	}
}

func TestARequestBelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	eve := w.SignIn(t, keyportertest.User(t, w.Control, "Acme", "eve@acme.example", keyporter.RoleAPIUser))
	to, _, _ := w.person.Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode())
	id := strings.TrimPrefix(to.Path, "/connect/")
	eve.Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode())
	if _, err := w.Control.Consent(t.Context(), eve.Actor, id, eve.Cookie()); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("another browser sees the request: %v", err)
	}
	if _, err := w.Control.Consent(t.Context(), eve.Actor, id, ""); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("a browser without the cookie sees it: %v", err)
	}
	if to, status, _ := eve.Browse(t, "/oauth2/authorize/"+id); status != http.StatusBadRequest || to.String() != "" {
		t.Errorf("another browser continues with it: %d %s", status, to)
	}
	w.Clock.Advance(31 * time.Minute)
	if _, err := w.Control.Consent(t.Context(), w.person.Actor, id, w.person.Cookie()); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("after half an hour: %v", err)
	}
}
