package client_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// world is a Keyporter with users and tokens, and with a gateway that the middleware can use.
type world struct {
	*keyportertest.AuthServer

	gateway    keyporter.Secret
	ada, grace keyporter.User
	token      keyporter.Token
	secret     keyporter.Secret
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{gateway: keyporter.NewSecret(keyporter.SecretGateway)}
	n := keyportertest.NewNode(t, url, keyportertest.Drive("http://127.0.0.1:1"))
	w.AuthServer = n.AuthServer(t, keyportertest.Gateway(w.gateway, "drive", "esign"))
	w.ada = keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.grace = keyportertest.User(t, n.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	w.token, w.secret = keyportertest.Token(t, n.Control, w.ada, "Nightly export")
	return w
}

// client returns a client that is closed when the test ends.
func (w *world) client(t testing.TB, configure ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.Config{Address: w.URL, Secret: w.gateway.Reveal(), API: "drive"}
	for _, f := range configure {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// echo is an API that answers with what it received.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	caller, ok := client.CallerOf(r.Context())
	_ = json.NewEncoder(w).Encode(received{caller, ok, r.Header})
})

type received struct {
	Caller client.Caller
	OK     bool
	Header http.Header
}

// call calls an API, with headers as alternating names and values.
func call(t testing.TB, api http.Handler, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/files/1", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	return rec
}

func read(t testing.TB, rec *httptest.ResponseRecorder) (got received) {
	t.Helper()
	if rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestAPIsReceiveTheCallersIdentity calls with every kind of credential, and with forged identity headers.
func TestAPIsReceiveTheCallersIdentity(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		app := w.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read", "file.write")})
		access, accessSecret := w.AccessToken(t, w.Connect(t, w.ada, app), keyporter.AccessToken{Scopes: []string{"file.read"}})
		own, ownSecret := w.AccessToken(t, keyporter.Connection{AppID: app.ID}, keyporter.AccessToken{Scopes: []string{"file.read"}})
		ours, oursSecret := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		keyportertest.ImportTokens(t, w.Control, w.grace, keyporter.UserToken, "0123456789abcdef-of-another-system")
		ada, acme := string(w.ada.ID), string(w.ada.OrganizationID)
		api := w.client(t).Handler(client.Rules{Version: 5, Scope: "file.read", Credentials: []string{"user_token", "organization_token", "access_token", "app_token"}}, echo)
		for name, c := range map[string]struct {
			headers []string
			want    client.Caller
		}{
			"user token": {[]string{"ApiToken", w.secret.Reveal()}, client.Caller{
				User: ada, Login: w.ada.Login, Organization: acme, Credential: string(w.token.ID), Kind: "user_token",
			}},
			"user token with its owner's login name": {[]string{"Authorization", "bearer " + w.secret.Reveal(), "UserLoginName", "ADA@acme.example"}, client.Caller{
				User: ada, Login: w.ada.Login, Organization: acme, Credential: string(w.token.ID), Kind: "user_token",
			}},
			"imported token": {[]string{"ApiToken", "0123456789abcdef-of-another-system"}, client.Caller{
				User: string(w.grace.ID), Login: w.grace.Login, Organization: acme, Kind: "user_token",
			}},
			"access token": {[]string{"Authorization", "Bearer " + accessSecret.Reveal()}, client.Caller{
				User: ada, Login: w.ada.Login, Organization: acme, Credential: string(access.ID), Kind: "access_token", App: string(app.ID), Scopes: []string{"file.read"},
			}},
			"app token": {[]string{"Authorization", "Bearer " + ownSecret.Reveal()}, client.Caller{
				Credential: string(own.ID), Kind: "app_token", App: string(app.ID), Scopes: []string{"file.read"},
			}},
			"organization token": {[]string{"OrganizationKey", oursSecret.Reveal(), "UserLoginName", w.grace.Login}, client.Caller{
				User: string(w.grace.ID), Login: w.grace.Login, Organization: acme, Credential: string(ours.ID), Kind: "organization_token", Actor: ada,
			}},
		} {
			forged := append(c.headers, "X-Keyporter-User", "mallory", "X_Keyporter_Login", "mallory", "x-keyporter-scopes", "all", "X-Keyporter-Actor", "mallory", "X-Keyporter-Request-Id", "1", "Accept", "*/*")
			got := read(t, call(t, api, forged...))
			if name == "imported token" { // we don't know its ID
				c.want.Credential = got.Caller.Credential
			}
			want, _ := json.Marshal(c.want)
			if caller, _ := json.Marshal(got.Caller); string(caller) != string(want) || !got.OK {
				t.Errorf("%s: %s, want %s", name, caller, want)
			}
			headers := http.Header{"Accept": {"*/*"}}
			for header, value := range map[string]string{
				"User": c.want.User, "Login": c.want.Login, "Organization": c.want.Organization, "Credential": c.want.Credential,
				"Credential-Kind": c.want.Kind, "App": c.want.App, "Scopes": strings.Join(c.want.Scopes, " "), "Actor": c.want.Actor,
			} {
				if value != "" {
					headers.Set("X-Keyporter-"+header, value)
				}
			}
			if got, want := toJSON(t, got.Header), toJSON(t, headers); got != want {
				t.Errorf("%s: the API receives %s, want %s", name, got, want)
			}
		}
	})
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRefusals covers each reason to refuse a call, and what the caller learns.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	app := w.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read", "file.write")})
	connection := w.Connect(t, w.ada, app)
	_, access := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.write"}})
	_, bound := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: keyportertest.NewProofKey(t).Hash()})
	_, elsewhere := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{"https://other.example"}})
	_, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
	disabled, off := keyportertest.Token(t, w.Control, w.ada, "Off")
	if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), disabled.ID); err != nil {
		t.Fatal(err)
	}
	all := []string{"user_token", "organization_token", "access_token"}
	c := w.client(t)
	six := c.Handler(client.Rules{Version: 6, Scope: "file.read", Credentials: all}, echo)
	five := c.Handler(client.Rules{Version: 5, Credentials: all}, echo)
	apps := c.Handler(client.Rules{Credentials: []string{"access_token"}}, echo)
	made := keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	for name, x := range map[string]struct {
		api     http.Handler
		headers []string
		status  int
		code    string // of RFC 6750
		reason  keyporter.Reason
	}{
		"nothing":                           {six, nil, 401, "", keyporter.ReasonNoCredential},
		"empty":                             {six, []string{"ApiToken", " "}, 401, "", keyporter.ReasonNoCredential},
		"in a cookie":                       {six, []string{"Cookie", "ApiToken=" + w.secret.Reveal()}, 401, "", keyporter.ReasonNoCredential},
		"typo":                              {six, []string{"ApiToken", w.secret.Reveal() + "x"}, 401, "invalid_token", keyporter.ReasonUnknown},
		"another scheme":                    {six, []string{"Authorization", "Basic " + w.secret.Reveal()}, 401, "invalid_token", keyporter.ReasonUnknown},
		"made up":                           {six, []string{"ApiToken", made}, 401, "invalid_token", keyporter.ReasonUnknown},
		"two":                               {six, []string{"ApiToken", w.secret.Reveal(), "Authorization", "Bearer " + made}, 400, "invalid_request", keyporter.ReasonAmbiguous},
		"switched off":                      {six, []string{"ApiToken", off.Reveal()}, 401, "invalid_token", keyporter.ReasonDisabled},
		"with another user's login name":    {six, []string{"ApiToken", w.secret.Reveal(), "UserLoginName", w.grace.Login}, 401, "invalid_token", keyporter.ReasonLoginName},
		"with two login names":              {six, []string{"ApiToken", w.secret.Reveal(), "UserLoginName", w.ada.Login, "UserLoginName", w.grace.Login}, 401, "invalid_token", keyporter.ReasonTwoLoginNames},
		"organization token on 6":           {six, []string{"ApiToken", organization.Reveal(), "UserLoginName", w.ada.Login}, 403, "insufficient_scope", keyporter.ReasonVersion},
		"organization token for nobody":     {five, []string{"OrganizationKey", organization.Reveal()}, 401, "invalid_token", keyporter.ReasonNoLoginName},
		"organization token for a stranger": {five, []string{"OrganizationKey", organization.Reveal(), "UserLoginName", "eve@evil.example"}, 401, "invalid_token", keyporter.ReasonNamedUnknown},
		"missing scope":                     {six, []string{"ApiToken", access.Reveal()}, 403, "insufficient_scope", keyporter.ReasonScope},
		"bound, without a proof":            {five, []string{"Authorization", "DPoP " + bound.Reveal()}, 401, "invalid_dpop_proof", keyporter.ReasonProof},
		"bound, not as DPoP":                {five, []string{"ApiToken", bound.Reveal()}, 401, "invalid_token", keyporter.ReasonBound},
		"for another resource":              {five, []string{"ApiToken", elsewhere.Reveal()}, 401, "invalid_token", keyporter.ReasonAudience},
		"kind not accepted":                 {apps, []string{"ApiToken", w.secret.Reveal()}, 403, "insufficient_scope", keyporter.ReasonNotAccepted},
	} {
		rec := call(t, x.api, x.headers...)
		var problem struct{ Code, Detail string }
		if err := json.Unmarshal(rec.Body.Bytes(), &problem); err != nil {
			t.Fatal(err)
		}
		challenge, scheme := rec.Header().Get("WWW-Authenticate"), "Bearer"
		if x.reason == keyporter.ReasonProof || x.reason == keyporter.ReasonBound {
			scheme = "DPoP"
		}
		if rec.Code != x.status || problem.Code != string(x.reason) || problem.Detail == "" || !strings.HasPrefix(challenge, scheme+` realm="keyporter"`) ||
			strings.Contains(challenge, "error=") != (x.code != "") || x.code != "" && !strings.Contains(challenge, `error="`+x.code+`"`) ||
			rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s", name, rec.Code, challenge, rec.Body)
		}
		if wants := strings.Contains(challenge, `scope="file.read"`); wants != (x.reason == keyporter.ReasonScope) {
			t.Errorf("%s: %s", name, challenge)
		}
	}
	if read(t, call(t, six, "ApiToken", w.secret.Reveal())).Caller.User != string(w.ada.ID) {
		t.Error("a good call is refused, too")
	}
}

// TestWithoutKeyporterNothingIsAllowed asks where nothing listens, a Keyporter that doesn't know the
// gateway, and another server.
func TestWithoutKeyporterNothingIsAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/moved") {
			t.Errorf("the secret was sent to %s", r.URL)
		}
		http.Redirect(rw, r, "/moved", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(other.Close)
	for name, configure := range map[string]func(*client.Config){
		"down":         func(cfg *client.Config) { cfg.Address = "http://127.0.0.1:1" },
		"other secret": func(cfg *client.Config) { cfg.Secret = keyporter.NewSecret(keyporter.SecretGateway).Reveal() },
		"other server": func(cfg *client.Config) { cfg.Address = other.URL },
	} {
		for _, mode := range []client.Mode{client.Ask, client.Decide} {
			c := w.client(t, configure, func(cfg *client.Config) { cfg.Mode, cfg.Grace = mode, time.Hour })
			rec := call(t, c.Handler(client.Rules{}, echo), "ApiToken", w.secret.Reveal())
			if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "127.0.0.1") {
				t.Errorf("%s: %d %v %s", name, rec.Code, rec.Header(), rec.Body)
			}
		}
	}
}

// TestIntrospection asks about one credential, and about many at once.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	c := w.client(t)
	one, err := c.Introspect(t.Context(), w.secret.Reveal(), "")
	if err != nil || !one.Active || one.ID != string(w.token.ID) || one.Username != w.ada.Login || one.IssuedAt.IsZero() || !one.ExpiresAt.IsZero() {
		t.Errorf("%+v %v", one, err)
	}
	queries := make([]client.Query, 1500)
	for i := range queries {
		queries[i].Token = w.secret.Reveal()
		if i%2 == 1 {
			queries[i].Login = w.grace.Login
		}
		if i%4 == 3 {
			queries[i].Login = strings.Repeat("<", 250)
		}
	}
	all, err := c.IntrospectAll(t.Context(), queries)
	if err != nil || len(all) != len(queries) {
		t.Fatal(len(all), err)
	}
	for i, x := range all {
		if x.Active != (i%2 == 0) || !x.Active && x.Reason != string(keyporter.ReasonLoginName) {
			t.Fatalf("%d: %+v", i, x)
		}
	}
}
