package oauth_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestRFCs has what RFCs require and neither a module of the suite nor another test covers.
func TestRFCs(t *testing.T) {
	t.Parallel()
	runModules(t, map[string]module{
		"6749 2.3.1 Basic is decoded as a form":            (*conformance).basicIsDecoded,
		"6749 6 a refresh narrows and keeps":               (*conformance).refreshNarrows,
		"6749 10.10 what is given out is random":           (*conformance).random,
		"6750 2 one way to bring a token":                  (*conformance).oneWay,
		"7636 4.1 the length of a verifier":                (*conformance).verifierLength,
		"7009 2.1 a hint that is unheard of":               (*conformance).unheardHint,
		"7662 2.2 an answer is JSON and not stored":        (*conformance).introspectionJSON,
		"8693 no token exchange":                           (*conformance).noTokenExchange,
		"9068 4 an ID token is no access token":            (*conformance).idTokenIsNoAccessToken,
		"9449 6.2 introspection names the key":             (*conformance).introspectionNamesKey,
		"9449 5 an app without a secret binds its refresh": (*conformance).publicRefreshIsBound,
		"9700 4.2 no referrer":                             (*conformance).noReferrer,
		"9700 4.12 a redirect is a 303":                    (*conformance).redirectIs303,
		"9700 4.16 nobody frames a page":                   (*conformance).notFramed,
	})
}

func (c *conformance) basicIsDecoded(t *testing.T) {
	const id = "app with+every/thing%"
	c.app(keyporter.App{ID: id, Authentication: keyporter.AppSecret, OwnTokens: true})
	secret := c.AppSecret(t, id).Reveal()
	form := url.Values{"grant_type": {"client_credentials"}}
	encoded := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	if a := c.Post(t, "/oauth2/token", form, "Authorization", "Basic "+encoded); a.Status != http.StatusOK {
		t.Errorf("%v", a)
	}
	plain := base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
	keyportertest.Refused(t, c.Post(t, "/oauth2/token", form, "Authorization", "Basic "+plain), http.StatusUnauthorized, "invalid_client")
}

// refreshNarrows asks for less with one access token, and for everything again with the next.
func (c *conformance) refreshNarrows(t *testing.T) {
	a := c.flow("scope", "openid email envelope.read")
	less := c.Post(t, "/oauth2/token", refreshing(a.Text("refresh_token"), "scope", "openid"))
	if less.Text("scope") != "openid" {
		t.Fatalf("%v", less)
	}
	if got := c.userInfo("Bearer " + less.Text("access_token")); got.Status != http.StatusOK || got.Text("email") != "" {
		t.Errorf("the narrow one says more: %v", got)
	}
	if all := c.Post(t, "/oauth2/token", refreshing(less.Text("refresh_token"))); all.Text("scope") != "openid email envelope.read" {
		t.Errorf("%v", all)
	}
}

// random requires what is issued to be long, different each time, and safe in URLs.
func (c *conformance) random(t *testing.T) {
	seen := map[string]bool{}
	for range 8 {
		v := keyportertest.Verifier()
		code := c.code("public", v)
		a := c.Post(t, "/oauth2/token", redemption(code, v))
		pushed := c.Post(t, "/oauth2/par", request("public", v)).Text("request_uri")
		for what, text := range map[string]string{
			"code": code, "access_token": a.Text("access_token"), "refresh_token": a.Text("refresh_token"), "request_uri": pushed[strings.LastIndexByte(pushed, ':')+1:],
		} {
			if len(text) < 43 || seen[text] || url.QueryEscape(text) != text {
				t.Errorf("%s: %q", what, text)
			}
			seen[text] = true
		}
	}
}

func (c *conformance) oneWay(t *testing.T) {
	token := c.flow().Text("access_token")
	if a := c.get(c.at("userinfo") + "?access_token=" + token); a.Status != http.StatusUnauthorized {
		t.Errorf("in the address: %v", a)
	}
	form := url.Values{"access_token": {token}}
	keyportertest.Refused(t, c.Post(t, "/oauth2/userinfo", form, "Authorization", "Bearer "+token), http.StatusBadRequest, "invalid_request")
	form.Add("access_token", token)
	keyportertest.Refused(t, c.Post(t, "/oauth2/userinfo", form), http.StatusBadRequest, "invalid_request")
}

func (c *conformance) verifierLength(t *testing.T) {
	for length, good := range map[int]bool{42: false, 43: true, 128: true, 129: false} {
		v := strings.Repeat("v", length)
		a := c.Post(t, "/oauth2/token", redemption(c.code("public", v), v))
		if good != (a.Status == http.StatusOK) {
			t.Errorf("of %d: %v", length, a)
		}
	}
}

func (c *conformance) unheardHint(t *testing.T) {
	token := c.flow().Text("access_token")
	if a := c.Post(t, "/oauth2/revoke", url.Values{"token": {token}, "client_id": {"public"}, "token_type_hint": {"unheard"}}); a.Status != http.StatusOK || c.works(token) {
		t.Errorf("%v", a)
	}
}

// introspect asks about a token as the app "fapi".
func (c *conformance) introspect(token string) keyportertest.Answer {
	c.t.Helper()
	return c.Post(c.t, "/oauth2/introspect", c.signedForm(url.Values{"token": {token}}))
}

func (c *conformance) introspectionJSON(t *testing.T) {
	for _, token := range []string{"unknown", c.flow().Text("access_token")} {
		a := c.introspect(token)
		if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || len(a.Body) != 1 || a.Body["active"] != false {
			t.Errorf("%v", a)
		}
	}
}

func (c *conformance) introspectionNamesKey(t *testing.T) {
	_, a := c.bound()
	about := c.introspect(a.Text("access_token"))
	if cnf, _ := about.Body["cnf"].(map[string]any); cnf["jkt"] != c.fapi.thumbprint() || about.Text("token_type") != "DPoP" {
		t.Errorf("%v", about)
	}
}

func (c *conformance) idTokenIsNoAccessToken(t *testing.T) {
	if a := c.userInfo("Bearer " + c.flow().Text("id_token")); a.Status != http.StatusUnauthorized || a.Text("error") != "invalid_token" {
		t.Errorf("%v", a)
	}
}

func (c *conformance) noTokenExchange(t *testing.T) {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {c.flow().Text("access_token")}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}
	keyportertest.Refused(t, c.Post(t, "/oauth2/token", c.signedForm(form)), http.StatusBadRequest, "unsupported_grant_type")
}

func (c *conformance) publicRefreshIsBound(t *testing.T) {
	v := keyportertest.Verifier()
	a := c.Post(t, "/oauth2/token", redemption(c.code("public", v), v), "DPoP", c.fapi.proof(t, "POST", c.at("token")))
	for what, proof := range map[string][]string{"none": nil, "another key's": {"DPoP", newSigner(t).proof(t, "POST", c.at("token"))}} {
		got := c.Post(t, "/oauth2/token", refreshing(a.Text("refresh_token")), proof...)
		if got.Status != http.StatusBadRequest || got.Text("error") != "invalid_dpop_proof" {
			t.Errorf("with a proof that is %s: %v", what, got)
		}
	}
}

// answers returns the kinds of answers of the authorization endpoint: a redirect to the app, a
// redirect to the page that asks, a fault, and a form.
func (c *conformance) answers() map[string]*http.Response {
	c.t.Helper()
	all := map[string]*http.Response{}
	for what, params := range map[string]url.Values{
		"to the app":  request("public", keyportertest.Verifier()),
		"to the page": request("public", keyportertest.Verifier(), "prompt", "consent"),
		"a fault":     request("public", keyportertest.Verifier(), "redirect_uri", "https://evil.example/"),
		"a form":      request("public", keyportertest.Verifier(), "response_mode", "form_post"),
	} {
		res, err := c.person.PostForm(c.at("authorize"), params)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = res.Body.Close()
		all[what] = res
	}
	return all
}

func (c *conformance) noReferrer(t *testing.T) {
	for what, res := range c.answers() {
		if res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", what, res.Header)
		}
	}
}

func (c *conformance) redirectIs303(t *testing.T) {
	for what, res := range c.answers() {
		if res.Header.Get("Location") != "" && res.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s", what, res.Status)
		}
	}
}

func (c *conformance) notFramed(t *testing.T) {
	for what, res := range c.answers() {
		if res.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", what, res.Header)
		}
	}
}
