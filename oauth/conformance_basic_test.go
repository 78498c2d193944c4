package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestOIDCCBasic is the plan for a Basic OP.
func TestOIDCCBasic(t *testing.T) {
	t.Parallel()
	object := unsigned(`{"client_id":"public","redirect_uri":"` + callback + `"}`)
	runModules(t, map[string]module{
		"ServerTest":                  (*conformance).serverTest,
		"ServerTestClientSecretPost":  (*conformance).serverTestClientSecretPost,
		"ResponseTypeMissing":         fails("invalid_request", "response_type", ""),
		"IdTokenSignature":            (*conformance).idTokenSignature,
		"UserInfoGet":                 (*conformance).userInfoGet,
		"UserInfoPostHeader":          (*conformance).userInfoPostHeader,
		"UserInfoPostBody":            (*conformance).userInfoPostBody,
		"ScopeProfile":                claimed("profile", "name", "preferred_username"),
		"ScopeEmail":                  claimed("email", "email"),
		"ScopeAll":                    claimed("profile email", "name", "preferred_username", "email"),
		"AlternateHappyFlow":          succeeds("scope", "envelope.read openid"),
		"DisplayPage":                 succeeds("display", "page"),
		"DisplayPopup":                succeeds("display", "popup"),
		"LoginHint":                   succeeds("login_hint", "ada@acme.example"),
		"UiLocales":                   succeeds("ui_locales", "se"),
		"ClaimsLocales":               succeeds("claims_locales", "se"),
		"ClaimsEssential":             succeeds("claims", `{"userinfo":{"name":{"essential":true}}}`),
		"PromptLogin":                 (*conformance).promptLogin,
		"PromptNoneNotLoggedIn":       (*conformance).promptNoneNotLoggedIn,
		"PromptNoneLoggedIn":          unchanged("prompt", "none"),
		"MaxAge1":                     (*conformance).maxAge1,
		"MaxAge10000":                 unchanged("max_age", "10000"),
		"IdTokenHint":                 (*conformance).idTokenHint,
		"AuthCodeReuse":               reused(time.Second),
		"AuthCodeReuseAfter30Seconds": reused(30 * time.Second),
		"EnsureRegisteredRedirectUri": (*conformance).registeredRedirectURI,
		"EnsurePostRequestSucceeds":   (*conformance).postRequest,
		"RefreshToken":                (*conformance).refreshToken,
		"RequestUriUnsigned":          fails("request_uri_not_supported", "request_uri", "https://app.example/request.jwt"),
		"UnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported": fails("request_not_supported", "request", object),
		"EnsureRequestObjectWithRedirectUri":                             fails("request_not_supported", "request", object),
		"EnsureRequestWithoutNonceSucceedsForCodeFlow":                   (*conformance).withoutNonce,
		"EnsureRequestWithAcrValuesSucceeds":                             succeeds("acr_values", "urn:mace:incommon:iap:silver 1 2"),
		"EnsureRequestWithUnknownParameterSucceeds":                      succeeds("extra", "foobar"),
		"EnsureRequestWithValidPkceSucceeds":                             succeeds(),
		"RequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported":    fails("request_uri_not_supported", "request_uri", "http://app.example/"+object),
	})
}

// TestOIDCCConfig is the plan for a Config OP.
func TestOIDCCConfig(t *testing.T) {
	t.Parallel()
	runModules(t, map[string]module{"DiscoveryEndpointVerification": (*conformance).discovery})
}

func (c *conformance) serverTest(t *testing.T) {
	v := keyportertest.Verifier()
	form := redemption(c.code("confidential", v, "nonce", "n"), v, "client_id", "")
	basic := base64.StdEncoding.EncodeToString([]byte("confidential:" + url.QueryEscape(c.secret.Reveal())))
	a := c.Post(t, "/oauth2/token", form, "Authorization", "Basic "+basic)
	claims := c.idToken(a, "confidential")
	if claims["sub"] != string(c.ada.ID) || claims["nonce"] != "n" || claims["iss"] != c.URL || !c.works(a.Text("access_token")) {
		t.Errorf("%v", claims)
	}
}

func (c *conformance) serverTestClientSecretPost(t *testing.T) {
	v := keyportertest.Verifier()
	form := redemption(c.code("confidential", v), v, "client_id", "confidential", "client_secret", c.secret.Reveal())
	if a := c.Post(t, "/oauth2/token", form); !c.works(a.Text("access_token")) {
		t.Errorf("%v", a)
	}
}

func (c *conformance) idTokenSignature(t *testing.T) {
	a := c.flow()
	c.idToken(a, "public")
	token, err := jose.ParseSignedCompact(a.Text("id_token"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || token.Signatures[0].Header.KeyID == "" {
		t.Errorf("the ID token names no key: %v", err)
	}
}

func (c *conformance) userInfoGet(t *testing.T) {
	if a := c.userInfo("Bearer " + c.flow().Text("access_token")); a.Status != http.StatusOK || a.Text("sub") != string(c.ada.ID) {
		t.Errorf("%v", a)
	}
}

func (c *conformance) userInfoPostHeader(t *testing.T) {
	a := c.Post(t, "/oauth2/userinfo", url.Values{}, "Authorization", "Bearer "+c.flow().Text("access_token"))
	if a.Status != http.StatusOK || a.Text("sub") != string(c.ada.ID) {
		t.Errorf("%v", a)
	}
}

func (c *conformance) userInfoPostBody(t *testing.T) {
	a := c.Post(t, "/oauth2/userinfo", url.Values{"access_token": {c.flow().Text("access_token")}})
	if a.Status != http.StatusOK || a.Text("sub") != string(c.ada.ID) {
		t.Errorf("%v", a)
	}
}

// claimed requires userinfo to have these claims for these scopes, and no others.
func claimed(scopes string, names ...string) module {
	return func(c *conformance, t *testing.T) {
		a := c.userInfo("Bearer " + c.flow("scope", "openid "+scopes).Text("access_token"))
		for _, name := range names {
			if a.Text(name) != c.ada.Login {
				t.Errorf("%s: %v", name, a.Body)
			}
		}
		for _, name := range []string{"sub", "org_id", "email_verified"} { // the last one goes with email
			delete(a.Body, name)
		}
		if len(a.Body) != len(names) {
			t.Errorf("it says more than %v: %v", names, a.Body)
		}
	}
}

func (c *conformance) withoutNonce(t *testing.T) {
	if claims := c.idToken(c.flow(), "public"); claims["nonce"] != nil {
		t.Errorf("the request had no nonce, but the ID token has one: %v", claims)
	}
}

// unchanged requires a second request, with these parameters, to ask nothing and to be about
// the same sign-in.
func unchanged(change ...string) module {
	return func(c *conformance, t *testing.T) {
		first := c.idToken(c.flow("max_age", "15000"), "public")
		v := keyportertest.Verifier()
		to := c.ask(c.person, append([]string{"code_challenge", keyportertest.Challenge(v)}, change...)...)
		second := c.idToken(c.Post(t, "/oauth2/token", redemption(to.Query().Get("code"), v)), "public")
		if first["sub"] != second["sub"] || first["auth_time"] == nil || first["auth_time"] != second["auth_time"] {
			t.Errorf("%v, and then %v", first, second)
		}
	}
}

func (c *conformance) promptLogin(t *testing.T) { c.newer(t, "prompt", "login") }

func (c *conformance) maxAge1(t *testing.T) { c.newer(t, "max_age", "1") }

// newer requires a request to make ada sign in again, and the ID token to say when she did.
func (c *conformance) newer(t *testing.T, change ...string) {
	t.Helper()
	first, _ := c.idToken(c.flow("max_age", "15000"), "public")["auth_time"].(float64)
	c.Clock.Advance(2 * time.Second)
	second, _ := c.idToken(c.signInAgain(change...), "public")["auth_time"].(float64)
	if first == 0 || second < first+2 {
		t.Errorf("auth_time is %f, and then %f", first, second)
	}
}

func (c *conformance) promptNoneNotLoggedIn(t *testing.T) {
	c.wantError(c.ask(c.Stranger(t), "prompt", "none"), "login_required")
}

func (c *conformance) idTokenHint(t *testing.T) {
	hint := c.flow().Text("id_token")
	unchanged("prompt", "none", "id_token_hint", hint)(c, t)
}

// reused requires a code to work once, and its tokens to end when it is used again.
func reused(after time.Duration) module {
	return func(c *conformance, t *testing.T) {
		v := keyportertest.Verifier()
		form := redemption(c.code("public", v), v)
		a := c.Post(t, "/oauth2/token", form)
		c.Clock.Advance(after)
		keyportertest.Refused(t, c.Post(t, "/oauth2/token", form), http.StatusBadRequest, "invalid_grant")
		if c.works(a.Text("access_token")) {
			t.Error("the access token works")
		}
	}
}

func (c *conformance) registeredRedirectURI(*testing.T) {
	for _, uri := range []string{"", callback + "/x", callback + "?foo=bar", "https://evil.example/"} {
		c.wantPage(request("public", keyportertest.Verifier(), "redirect_uri", uri))
	}
}

func (c *conformance) postRequest(t *testing.T) {
	v := keyportertest.Verifier()
	to, status, _ := c.post(c.person, request("public", v))
	a := c.Post(t, "/oauth2/token", redemption(to.Query().Get("code"), v))
	if status != http.StatusSeeOther || !c.works(a.Text("access_token")) {
		t.Errorf("%d to %s, then %v", status, to, a)
	}
}

func (c *conformance) refreshToken(t *testing.T) {
	first := c.flow()
	next := c.Post(t, "/oauth2/token", refreshing(first.Text("refresh_token")))
	if !c.works(next.Text("access_token")) {
		t.Errorf("%v", next)
	}
	if next.Text("id_token") != "" { // OpenID Connect Core §12.2
		was, is := c.idToken(first, "public"), c.idToken(next, "public")
		if was["sub"] != is["sub"] || was["iss"] != is["iss"] || was["aud"] == nil || was["auth_time"] != is["auth_time"] {
			t.Errorf("%v, and then %v", was, is)
		}
	}
	other := refreshing(next.Text("refresh_token"), "client_id", "confidential", "client_secret", c.secret.Reveal())
	keyportertest.Refused(t, c.Post(t, "/oauth2/token", other), http.StatusBadRequest, "invalid_grant")
}

func (c *conformance) discovery(t *testing.T) {
	a := c.get(c.URL + "/.well-known/openid-configuration")
	lists := map[string]string{
		"scopes_supported": "openid", "response_types_supported": "code", "subject_types_supported": "public",
		"id_token_signing_alg_values_supported": "RS256", "grant_types_supported": "authorization_code", "claims_supported": "sub",
	}
	for name, want := range lists {
		if list, _ := a.Body[name].([]any); !slices.Contains(list, any(want)) {
			t.Errorf("%s is %v", name, a.Body[name])
		}
	}
	if a.Text("issuer") != c.URL || a.Body["claims_parameter_supported"] != false || a.Body["request_uri_parameter_supported"] != false {
		t.Errorf("%v", a.Body)
	}
	text, err := json.Marshal(c.get(a.Text("jwks_uri")).Body)
	var keys jose.JSONWebKeySet
	if err != nil || json.Unmarshal(text, &keys) != nil || len(keys.Keys) == 0 {
		t.Fatalf("keys: %s, %v", text, err)
	}
	for _, k := range keys.Keys {
		if !k.IsPublic() || !k.Valid() || k.KeyID == "" || k.Use != "sig" {
			t.Errorf("%+v", k)
		}
	}
	if strings.Contains(string(text), `"d"`) {
		t.Error("a private key is public")
	}
}

func (c *conformance) get(at string) keyportertest.Answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, at, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return keyportertest.Do(c.t, req)
}
