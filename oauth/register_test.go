package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	send := func(method, path, token, body string) keyportertest.Answer {
		return w.send(t, method, path, token, body)
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
	for sent, challenge := range map[string]string{
		"": `Bearer realm="Keyporter"`, "x": `Bearer realm="Keyporter", error="invalid_token", error_description="The registration access token doesn't belong to the app."`,
	} {
		a := send("GET", at, sent, "")
		keyportertest.Refused(t, a, 401, "invalid_token")
		if got := a.Header.Get("WWW-Authenticate"); got != challenge {
			t.Errorf("with the token %q, the challenge is %q", sent, got)
		}
	}
	keyportertest.Refused(t, send("GET", "/oauth2/register/public", token, ""), 401, "invalid_token")
	if a := send("PUT", at, token, `{"client_id":"`+id+`","client_name":"Bank","redirect_uris":["https://evil.example/cb"],"token_endpoint_auth_method":"none"}`); a.Status != 200 {
		t.Errorf("%v", a)
	}
	if _, status, _ := w.person.Browse(t, "/oauth2/authorize?"+request(id, v, "redirect_uri", "https://evil.example/cb").Encode()); status != 400 {
		t.Errorf("it works with a change that nobody approved: %d", status)
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
		keyportertest.Refused(t, send("POST", "/oauth2/register", "", body), 400, code)
	}
	wrong := send("POST", "/oauth2/register", "", `{"client_name":"A\u202eB","client_uri":"http://a.example","redirect_uris":["https://a.example/cb#f","http://a.example/cb"],"token_endpoint_auth_method":"magic","grant_types":["implicit"],"response_types":["token"],"scope":"admin root","jwks_uri":"https://a.example/jwks"}`)
	keyportertest.Refused(t, wrong, 400, "invalid_client_metadata")
	for _, want := range []string{"client_name: ", "client_uri: ", "cb#f", "http://a.example/cb", "token_endpoint_auth_method: ", "grant_types: ", "response_types: ", "scope: There is no admin, root.", "jwks_uri: "} {
		if !strings.Contains(wrong.Text("error_description"), want) {
			t.Errorf("%q is missing from %q", want, wrong.Text("error_description"))
		}
	}
	if a := send("DELETE", at, token, ""); a.Status != http.StatusNoContent {
		t.Errorf("%v", a)
	}
	keyportertest.Refused(t, send("GET", at, token, ""), 401, "invalid_token")
	last := 0
	for range 101 {
		last = send("POST", "/oauth2/register", "", `{"redirect_uris":["https://app.example/cb"]}`).Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("there is no limit on registrations: %d", last)
	}
}

// TestWhatIsApprovedIsWhatTheOperatorSaw has an app change between an operator's look and their click.
func TestWhatIsApprovedIsWhatTheOperatorSaw(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		ctx, w := t.Context(), newWorld(t, url)
		uris := func(uri string) keyporter.App {
			return keyporter.App{Name: "Tool", Authentication: keyporter.AppPublic, RedirectURIs: []string{uri}}
		}
		made, err := w.Grants.RegisterApp(ctx, grants.Caller{}, uris("https://tool.example/cb"))
		if err != nil {
			t.Fatal(err)
		}
		seen, err := w.Grants.App(ctx, made.App.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Grants.UpdateRegisteredApp(ctx, grants.Caller{}, seen, uris("https://evil.example/cb")); err != nil {
			t.Fatal(err)
		}
		if err := w.Control.ApproveApp(ctx, keyporter.Command(), seen.ID, seen.Version); keyporter.KindOf(err) != keyporter.Conflict {
			t.Errorf("approved unseen: %v", err)
		}
		now, err := w.Grants.App(ctx, seen.ID)
		if err != nil || now.State != keyporter.AppQuarantined {
			t.Errorf("%s, %v", now.State, err)
		}
		if err := w.Control.ApproveApp(ctx, keyporter.Command(), seen.ID, now.Version); err != nil {
			t.Error(err)
		}
	})
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
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

func TestUserInfoAcceptsTheTokenInAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	token := w.tokens("scope", "openid profile email").Text("access_token")
	a := w.Post(t, "/oauth2/userinfo", url.Values{"access_token": {token}})
	if a.Status != 200 || a.Text("email") != w.ada.Login || a.Text("name") != w.ada.Login {
		t.Errorf("%v", a)
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/userinfo", url.Values{"access_token": {token}}, "Authorization", "Bearer "+token), 400, "invalid_request")
	none := w.Post(t, "/oauth2/userinfo", url.Values{})
	if none.Status != 401 || none.Header.Get("WWW-Authenticate") != `Bearer realm="Keyporter"` {
		t.Errorf("without a token: %v", none)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/oauth2/userinfo?access_token="+token, nil)
	if a := keyportertest.Do(t, req); a.Status != 401 {
		t.Errorf("in the address: %v", a)
	}
}

// TestAnAppThatAnOperatorSuspendedCanNotDeleteItself also tries it with what was read before the
// suspension. The operator can still delete it.
func TestAnAppThatAnOperatorSuspendedCanNotDeleteItself(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		ctx, w := t.Context(), newWorld(t, url, func(c *keyportertest.DoorsForApps) { c.Register = true })
		made, err := w.Grants.RegisterApp(ctx, grants.Caller{}, keyporter.App{Name: "Tool", Authentication: keyporter.AppPublic, RedirectURIs: []string{"https://tool.example/cb"}})
		if err != nil {
			t.Fatal(err)
		}
		id := made.App.ID
		w.SetAppState(t, id, keyporter.AppActive)
		if err := w.Control.SuspendApp(ctx, keyporter.Command(), id); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, w.URL+"/oauth2/register/"+string(id), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+made.Token)
		keyportertest.Refused(t, keyportertest.Do(t, req), 403, "access_denied")
		if err := w.Grants.DeleteRegisteredApp(ctx, grants.Caller{}, made.App); keyporter.KindOf(err) != keyporter.Forbidden {
			t.Errorf("read before it was suspended: %v", err)
		}
		if err := w.Control.DeleteApp(ctx, keyporter.Command(), id); err != nil {
			t.Error(err)
		}
	})
}

// TestARegistrationHasFewKeys requires at least one key, and no more than somebody has who replaces theirs.
func TestARegistrationHasFewKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	key := strings.TrimSuffix(strings.TrimPrefix(keyportertest.NewProofKey(t).Set(), `{"keys":[`), `]}`)
	for n, status := range map[int]int{0: 400, 1: 201, 10: 201, 11: 400, 300: 400} {
		keys := strings.TrimSuffix(strings.Repeat(key+",", n), ",")
		body := `{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[` + keys + `]}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/oauth2/register", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		a := keyportertest.Do(t, req)
		if a.Status != status || status == 400 && a.Text("error") != "invalid_client_metadata" {
			t.Errorf("%d keys: %d %v", n, a.Status, a.Body)
		}
	}
}

// TestARequestIsShort requires an authorization request, pushed or not, to have bounds as a whole,
// because it is stored for anyone.
func TestARequestIsShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	long := strings.Repeat("x", 8000)
	many := request("public", keyportertest.Verifier())
	for range 900 {
		many.Add("resource", keyportertest.Resource)
	}
	for what, c := range map[string]struct {
		form url.Values
		ok   bool
	}{
		"a long state":      {request("public", keyportertest.Verifier(), "state", long), true},
		"three long values": {request("public", keyportertest.Verifier(), "state", long, "nonce", long, "login_hint", long), false},
		"many resources":    {many, false},
	} {
		a := w.Post(t, "/oauth2/par", c.form)
		if (a.Status == http.StatusCreated) != c.ok || !c.ok && a.Text("error") != "invalid_request" {
			t.Errorf("%s, pushed: %d %v", what, a.Status, a.Body)
		}
		to, status, _ := w.Stranger(t).Browse(t, "/oauth2/authorize?"+c.form.Encode())
		if to == nil || strings.HasPrefix(to.Path, "/connect/") != c.ok || !c.ok && to.Query().Get("error") != "invalid_request" {
			t.Errorf("%s: %d", what, status)
		}
	}
}

// TestARegistrationHasEachScopeOnce also limits what an error repeats of the scopes that don't exist.
func TestARegistrationHasEachScopeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	register := func(scope string) keyportertest.Answer {
		body := `{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"none","scope":"` + scope + `"}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/oauth2/register", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		return keyportertest.Do(t, req)
	}
	a := register(strings.Repeat("file.read envelope.read ", 2000))
	app, err := w.Grants.App(t.Context(), keyporter.ID(a.Text("client_id")))
	if err != nil || len(app.Scopes) != 2 || a.Text("scope") != "file.read envelope.read" {
		t.Errorf("%v: %d scopes, %v", a, len(app.Scopes), err)
	}
	a = register(strings.Repeat("x ", 20_000) + "y")
	keyportertest.Refused(t, a, 400, "invalid_client_metadata")
	if text := a.Text("error_description"); len(text) > 100 {
		t.Errorf("the error repeats too much: %s", text)
	}
}
