package oauth_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestFAPI2 is the part of the plan for the FAPI 2 Security Profile that applies to Keyporter.
// The app authenticates with a key, pushes its requests, and proves that it has another key.
func TestFAPI2(t *testing.T) {
	t.Parallel()
	runModules(t, map[string]module{
		"HappyFlow":                                          (*conformance).fapiFlow,
		"PAREnsurePKCERequired":                              pushFails("invalid_request", "code_challenge", "", "code_challenge_method", ""),
		"PAREnsurePlainPKCERejected":                         pushFails("invalid_request", "code_challenge_method", "plain"),
		"PAREnsurePKCECodeVerifierRequired":                  redeemFails("invalid_grant", "code_verifier", ""),
		"PARIncorrectPKCECodeVerifierRejected":               redeemFails("invalid_grant", "code_verifier", keyportertest.Verifier()),
		"PARAttemptReuseRequestUri":                          (*conformance).parReuse,
		"PARAttemptToUseExpiredRequestUri":                   (*conformance).parExpired,
		"PARRejectInvalidHttpVerb":                           (*conformance).parVerb,
		"PARRejectRequestUriInParAuthorizationRequest":       pushFails("invalid_request", "request_uri", "urn:ietf:params:oauth:request_uri:x"),
		"ParWithoutDuplicateParameters":                      (*conformance).fapiFlow,
		"PARRequestUriOfAnotherClient":                       (*conformance).parForeign,
		"AttemptReuseAuthorizationCodeAfterOneSecond":        (*conformance).fapiReuse,
		"AttemptToUseExpiredAuthCode":                        (*conformance).fapiExpired,
		"EnsureRegisteredRedirectUri":                        pushFails("invalid_request", "redirect_uri", callback+"/x"),
		"EnsureResponseTypeTokenFails":                       pushFails("unsupported_response_type", "response_type", "token"),
		"EnsureResponseTypeCodeIdTokenFails":                 pushFails("unsupported_response_type", "response_type", "code id_token"),
		"EnsureAuthorizationRequestWithLongState":            (*conformance).longState,
		"EnsureAuthorizationRequestWithLongNonce":            (*conformance).longNonce,
		"EnsureAuthorizationRequestWithoutState":             (*conformance).withoutState,
		"EnsureOtherScopeOrderSucceeds":                      fapiSucceeds("scope", "envelope.read openid"),
		"AccessTokenTypeHeaderCaseSensitivity":               (*conformance).schemeCase,
		"EnsureHolderOfKeyRequired":                          (*conformance).holderOfKey,
		"CheckDpopProofNbfExp":                               (*conformance).proofNbfExp,
		"EnsureDpopProofWithIat10SecondsBeforeSucceeds":      proofAged(-10 * time.Second),
		"EnsureDpopProofWithIat10SecondsAfterSucceeds":       proofAged(10 * time.Second),
		"EnsureDpopAuthCodeBindingSuccess":                   (*conformance).bindingSuccess,
		"EnsureMismatchedDpopJktFails":                       (*conformance).mismatchedAtPush,
		"EnsureTokenEndpointFailsWithMismatchedDpopJkt":      (*conformance).mismatchedJKT,
		"EnsureTokenEndpointFailsWithMismatchedDpopProofJkt": (*conformance).mismatchedProof,
		"RefreshToken":                                       (*conformance).fapiRefresh,
		"UserRejectsAuthentication":                          (*conformance).userRejects,
		"DpopNegativeTests":                                  (*conformance).dpopNegative,
	})
}

// assertionOf returns the parameters that an app authenticates with, for the authorization server only.
func assertionOf(t testing.TB, w *world, app string, s *signer) []string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": app, "sub": app, "aud": w.URL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(59 * time.Minute).Unix()}
	return []string{
		"client_id", app, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", s.sign(t, claims, "JWT"),
	}
}

// signedForm adds the app's authentication to a form.
func (c *conformance) signedForm(form url.Values) url.Values {
	c.t.Helper()
	return keyportertest.With(form, assertionOf(c.t, c.world, "fapi", c.fapi)...)
}

// push pushes a request. proof may be empty.
func (c *conformance) push(verifier, proof string, change ...string) keyportertest.Answer {
	c.t.Helper()
	form := c.signedForm(request("fapi", verifier, change...))
	if proof == "" {
		return c.Post(c.t, "/oauth2/par", form)
	}
	return c.Post(c.t, "/oauth2/par", form, "DPoP", proof)
}

func (c *conformance) at(path string) string { return c.URL + "/oauth2/" + path }

// pushed has ada allow a request that was pushed, and returns what the app gets.
func (c *conformance) pushed(a keyportertest.Answer) url.Values {
	c.t.Helper()
	if a.Status != http.StatusCreated {
		c.t.Fatalf("pushed: %v", a)
	}
	return c.person.Authorize(c.t, url.Values{"client_id": {"fapi"}, "request_uri": {a.Text("request_uri")}})
}

// redeem redeems a code with a proof by the app's key.
func (c *conformance) redeem(code, verifier string, change ...string) keyportertest.Answer {
	c.t.Helper()
	return c.Post(c.t, "/oauth2/token", c.signedForm(redemption(code, verifier, change...)), "DPoP", c.fapi.proof(c.t, "POST", c.at("token")))
}

// bound runs a whole flow.
func (c *conformance) bound(change ...string) (back url.Values, a keyportertest.Answer) {
	c.t.Helper()
	v := keyportertest.Verifier()
	back = c.pushed(c.push(v, "", change...))
	a = c.redeem(back.Get("code"), v)
	if a.Status != http.StatusOK || a.Text("token_type") != "DPoP" {
		c.t.Fatalf("no tokens: %v", a)
	}
	return back, a
}

// opens returns userinfo's answer to a token with a proof by this key.
func (c *conformance) opens(a keyportertest.Answer, s *signer, change ...any) keyportertest.Answer {
	c.t.Helper()
	token := a.Text("access_token")
	proof := s.proof(c.t, "GET", c.at("userinfo"), append([]any{"ath", ath(token)}, change...)...)
	return c.userInfo("DPoP "+token, "DPoP", proof)
}

func (c *conformance) fapiFlow(t *testing.T) {
	back, a := c.bound("nonce", "n")
	if c.idToken(a, "fapi")["nonce"] != "n" || back.Get("iss") != c.URL || c.opens(a, c.fapi).Status != http.StatusOK {
		t.Errorf("%v, %v", back, a)
	}
}

func fapiSucceeds(change ...string) module {
	return func(c *conformance, t *testing.T) {
		if _, a := c.bound(change...); c.opens(a, c.fapi).Status != http.StatusOK {
			t.Errorf("%v", a)
		}
	}
}

// pushFails requires a pushed request to be refused with this error.
func pushFails(code string, change ...string) module {
	return func(c *conformance, t *testing.T) {
		keyportertest.Refused(t, c.push(keyportertest.Verifier(), "", change...), http.StatusBadRequest, code)
	}
}

// redeemFails requires a code to be refused with this error if the request has these parameters.
func redeemFails(code string, change ...string) module {
	return func(c *conformance, t *testing.T) {
		v := keyportertest.Verifier()
		keyportertest.Refused(t, c.redeem(c.pushed(c.push(v, "")).Get("code"), v, change...), http.StatusBadRequest, code)
	}
}

func (c *conformance) parReuse(*testing.T) {
	a := c.push(keyportertest.Verifier(), "")
	c.pushed(a)
	c.wantPage(url.Values{"client_id": {"fapi"}, "request_uri": {a.Text("request_uri")}})
}

func (c *conformance) parExpired(*testing.T) {
	a := c.push(keyportertest.Verifier(), "")
	lifetime, _ := a.Body["expires_in"].(float64)
	if lifetime < 5 || lifetime > 600 {
		c.t.Errorf("it lives for %f seconds", lifetime)
	}
	c.Clock.Advance(time.Duration(lifetime+1) * time.Second)
	c.wantPage(url.Values{"client_id": {"fapi"}, "request_uri": {a.Text("request_uri")}})
	c.Clock.Advance(-time.Duration(lifetime+1) * time.Second) // the proofs of other modules use the real time
}

func (c *conformance) parForeign(*testing.T) {
	a := c.push(keyportertest.Verifier(), "")
	c.wantPage(url.Values{"client_id": {"public"}, "request_uri": {a.Text("request_uri")}})
}

func (c *conformance) parVerb(t *testing.T) {
	for _, verb := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		req, err := http.NewRequestWithContext(t.Context(), verb, c.at("par"), strings.NewReader(request("public", keyportertest.Verifier()).Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := keyportertest.Do(t, req); a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %v", verb, a)
		}
	}
}

func (c *conformance) fapiReuse(t *testing.T) {
	v := keyportertest.Verifier()
	code := c.pushed(c.push(v, "")).Get("code")
	a := c.redeem(code, v)
	c.Clock.Advance(time.Second)
	keyportertest.Refused(t, c.redeem(code, v), http.StatusBadRequest, "invalid_grant")
	if got := c.opens(a, c.fapi); got.Status != http.StatusUnauthorized {
		t.Errorf("the access token works: %v", got)
	}
}

func (c *conformance) fapiExpired(t *testing.T) {
	v := keyportertest.Verifier()
	code := c.pushed(c.push(v, "")).Get("code")
	c.Clock.Advance(61 * time.Second)
	keyportertest.Refused(t, c.redeem(code, v), http.StatusBadRequest, "invalid_grant")
	c.Clock.Advance(-61 * time.Second)
}

func (c *conformance) longState(t *testing.T) {
	long := strings.Repeat("s", 384)
	if back, _ := c.bound("state", long); back.Get("state") != long {
		t.Errorf("state is %q", back.Get("state"))
	}
}

func (c *conformance) longNonce(t *testing.T) {
	long := strings.Repeat("n", 384)
	if _, a := c.bound("nonce", long); c.idToken(a, "fapi")["nonce"] != long {
		t.Error("the nonce doesn't match")
	}
}

func (c *conformance) withoutState(t *testing.T) {
	if back, _ := c.bound("state", ""); back.Has("state") {
		t.Errorf("the request had no state, but the answer has one: %v", back)
	}
}

func (c *conformance) schemeCase(t *testing.T) {
	_, a := c.bound()
	token := a.Text("access_token")
	for _, scheme := range []string{"DPoP", "dpop", "DPOP"} {
		if got := c.userInfo(scheme+" "+token, "DPoP", c.fapi.proof(t, "GET", c.at("userinfo"), "ath", ath(token))); got.Status != http.StatusOK {
			t.Errorf("%s: %v", scheme, got)
		}
	}
}

func (c *conformance) fapiRefresh(t *testing.T) {
	_, a := c.bound()
	form := c.signedForm(refreshing(a.Text("refresh_token")))
	next := c.Post(t, "/oauth2/token", form, "DPoP", c.fapi.proof(t, "POST", c.at("token")))
	if next.Text("token_type") != "DPoP" || c.opens(next, c.fapi).Status != http.StatusOK {
		t.Errorf("%v", next)
	}
}

func (c *conformance) userRejects(*testing.T) {
	a := c.push(keyportertest.Verifier(), "", "prompt", "consent")
	to, _, _ := c.person.Browse(c.t, "/oauth2/authorize?"+url.Values{"client_id": {"fapi"}, "request_uri": {a.Text("request_uri")}}.Encode())
	id := strings.TrimPrefix(to.Path, "/connect/")
	if err := c.Control.Decline(c.t.Context(), c.person.Actor, id, c.person.Cookie()); err != nil {
		c.t.Fatal(err)
	}
	to, _, _ = c.person.Browse(c.t, "/oauth2/authorize/"+id)
	c.wantError(to, "access_denied")
}

// holderOfKey requires what is bound to a key to open nothing without it.
func (c *conformance) holderOfKey(t *testing.T) {
	_, a := c.bound()
	token := a.Text("access_token")
	for what, got := range map[string]keyportertest.Answer{
		"a bearer":    c.userInfo("Bearer " + token),
		"no proof":    c.userInfo("DPoP " + token),
		"another key": c.opens(a, newSigner(t)),
	} {
		if got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %v", what, got)
		}
	}
	keyportertest.Refused(t, c.Post(t, "/oauth2/token", c.signedForm(refreshing(a.Text("refresh_token")))), http.StatusBadRequest, "invalid_dpop_proof")
}
