package oauth_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestOIDCCDynamic is the part of the plan for a Dynamic OP that applies to Keyporter. An
// operator approves each app. The suite has no such step, so the tests add it between
// registration and use.
func TestOIDCCDynamic(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*dynamic, *testing.T){
		"EnsureRedirectUriInAuthorizationRequest": (*dynamic).redirectURIWanted,
		"RedirectUriQueryOK":                      (*dynamic).redirectURIQueryOK,
		"RedirectUriQueryMismatch":                (*dynamic).redirectURIQueryMismatch,
		"RedirectUriQueryAdded":                   (*dynamic).redirectURIQueryAdded,
		"RedirectUriRegFrag":                      (*dynamic).redirectURIRegFrag,
		"RegistrationLogoUri":                     ignored("logo_uri", "http://169.254.169.254/"),
		"RegistrationPolicyUri":                   ignored("policy_uri", "https://app.example/policy"),
		"RegistrationTosUri":                      ignored("tos_uri", "https://app.example/tos"),
		"SoftwareStatement":                       ignored("software_statement", unsigned(`{"client_name":"Bank"}`)),
		"ChosenClientId":                          ignored("client_id", "public"),
		"RefreshTokenRPKeyRotation":               (*dynamic).keyRotation,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
			run(&dynamic{w}, t)
		})
	}
}

// dynamic is a server where apps register themselves.
type dynamic struct{ *world }

func (d *dynamic) send(method, at, token string, metadata map[string]any) keyportertest.Answer {
	d.t.Helper()
	body, err := json.Marshal(metadata)
	if err != nil {
		d.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, at, strings.NewReader(string(body)))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return keyportertest.Do(d.t, req)
}

// register registers an app with these redirect URIs, and approves it.
func (d *dynamic) register(uris ...string) (id string) {
	d.t.Helper()
	a := d.send(http.MethodPost, d.URL+"/oauth2/register", "", map[string]any{"redirect_uris": uris, "token_endpoint_auth_method": "none"})
	if a.Status != http.StatusCreated {
		d.t.Fatalf("%v", a)
	}
	d.SetAppState(d.t, keyporter.ID(a.Text("client_id")), keyporter.AppActive)
	return a.Text("client_id")
}

// wantPage requires a request to be refused on a page, and not at the app.
func (d *dynamic) wantPage(id, uri string) {
	d.t.Helper()
	params := request(id, keyportertest.Verifier(), "redirect_uri", uri)
	if to, status, _ := d.person.Browse(d.t, "/oauth2/authorize?"+params.Encode()); status != http.StatusBadRequest || to.String() != "" {
		d.t.Errorf("%q: %d, to %q", uri, status, to)
	}
}

func (d *dynamic) redirectURIWanted(*testing.T) { d.wantPage(d.register(callback), "") }

func (d *dynamic) redirectURIQueryOK(t *testing.T) {
	uri := callback + "?foo=bar"
	id, v := d.register(uri), keyportertest.Verifier()
	code := d.code(id, v, "redirect_uri", uri)
	if a := d.Post(t, "/oauth2/token", redemption(code, v, "client_id", id, "redirect_uri", uri)); a.Status != http.StatusOK {
		t.Errorf("%v", a)
	}
}

func (d *dynamic) redirectURIQueryMismatch(*testing.T) {
	d.wantPage(d.register(callback+"?foo=bar"), callback+"?foo=other")
}

func (d *dynamic) redirectURIQueryAdded(*testing.T) {
	d.wantPage(d.register(callback), callback+"?foo=bar")
}

func (d *dynamic) redirectURIRegFrag(t *testing.T) {
	a := d.send(http.MethodPost, d.URL+"/oauth2/register", "", map[string]any{"redirect_uris": []string{callback + "#foobar"}})
	keyportertest.Refused(t, a, http.StatusBadRequest, "invalid_redirect_uri")
}

// ignored requires metadata that Keyporter doesn't use to be accepted, but neither stored nor fetched.
func ignored(name, value string) func(*dynamic, *testing.T) {
	return func(d *dynamic, t *testing.T) {
		a := d.send(http.MethodPost, d.URL+"/oauth2/register", "", map[string]any{"redirect_uris": []string{callback}, name: value})
		if a.Status != http.StatusCreated || a.Text(name) == value || a.Text("client_name") == "Bank" {
			t.Errorf("%v", a)
		}
	}
}

// keyRotation has an app change its keys, which an operator approves, too.
func (d *dynamic) keyRotation(t *testing.T) {
	first, second := newSigner(t), newSigner(t)
	metadata := func(s *signer) map[string]any {
		return map[string]any{"redirect_uris": []string{callback}, "token_endpoint_auth_method": "private_key_jwt", "jwks": json.RawMessage(keySet(t, s))}
	}
	a := d.send(http.MethodPost, d.URL+"/oauth2/register", "", metadata(first))
	id := a.Text("client_id")
	d.SetAppState(t, keyporter.ID(id), keyporter.AppActive)
	v := keyportertest.Verifier()
	redeem := redemption(d.code(id, v), v, "client_id", id)
	got := d.Post(t, "/oauth2/token", keyportertest.With(redeem, assertionOf(t, d.world, id, first)...))
	if got.Status != http.StatusOK {
		t.Fatalf("%v", got)
	}
	changed := metadata(second)
	changed["client_id"] = id
	if b := d.send(http.MethodPut, a.Text("registration_client_uri"), a.Text("registration_access_token"), changed); b.Status != http.StatusOK {
		t.Fatalf("%v", b)
	}
	d.SetAppState(t, keyporter.ID(id), keyporter.AppActive)
	form := refreshing(got.Text("refresh_token"), "client_id", id)
	keyportertest.Refused(t, d.Post(t, "/oauth2/token", keyportertest.With(form, assertionOf(t, d.world, id, first)...)), http.StatusUnauthorized, "invalid_client")
	if b := d.Post(t, "/oauth2/token", keyportertest.With(form, assertionOf(t, d.world, id, second)...)); b.Status != http.StatusOK {
		t.Errorf("%v", b)
	}
}
