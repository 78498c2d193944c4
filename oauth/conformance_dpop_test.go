package oauth_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter/keyportertest"
)

// proofNbfExp requires nbf and exp to be checked. Proofs needn't have them.
func (c *conformance) proofNbfExp(t *testing.T) {
	_, a := c.bound()
	now := time.Now()
	for what, claims := range map[string][]any{
		"in between": {"nbf", now.Add(-10 * time.Second).Unix(), "exp", now.Add(time.Minute).Unix()},
		"too late":   {"exp", now.Add(-5 * time.Minute).Unix()},
		"too early":  {"nbf", now.Add(5 * time.Minute).Unix()},
	} {
		got := c.opens(a, c.fapi, claims...)
		if good := what == "in between"; good != (got.Status == http.StatusOK) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func proofAged(by time.Duration) module {
	return func(c *conformance, t *testing.T) {
		_, a := c.bound()
		if got := c.opens(a, c.fapi, "iat", time.Now().Add(by).Unix()); got.Status != http.StatusOK {
			t.Errorf("%v", got)
		}
	}
}

// bindingSuccess binds a code to a key by dpop_jkt, by a proof, and by both.
func (c *conformance) bindingSuccess(t *testing.T) {
	jkt := c.fapi.thumbprint()
	for what, push := range map[string]func(v string) keyportertest.Answer{
		"dpop_jkt": func(v string) keyportertest.Answer { return c.push(v, "", "dpop_jkt", jkt) },
		"a proof":  func(v string) keyportertest.Answer { return c.push(v, c.fapi.proof(t, "POST", c.at("par"))) },
		"both": func(v string) keyportertest.Answer {
			return c.push(v, c.fapi.proof(t, "POST", c.at("par")), "dpop_jkt", jkt)
		},
	} {
		v := keyportertest.Verifier()
		if a := c.redeem(c.pushed(push(v)).Get("code"), v); a.Text("token_type") != "DPoP" {
			t.Errorf("%s: %v", what, a)
		}
	}
}

func (c *conformance) mismatchedAtPush(t *testing.T) {
	a := c.push(keyportertest.Verifier(), c.fapi.proof(t, "POST", c.at("par")), "dpop_jkt", newSigner(t).thumbprint())
	if a.Status != http.StatusBadRequest || a.Text("error") != "invalid_dpop_proof" && a.Text("error") != "invalid_request" {
		t.Errorf("%v", a)
	}
}

func (c *conformance) mismatchedJKT(t *testing.T) {
	v := keyportertest.Verifier()
	code := c.pushed(c.push(v, "", "dpop_jkt", newSigner(t).thumbprint())).Get("code")
	keyportertest.Refused(t, c.redeem(code, v), http.StatusBadRequest, "invalid_dpop_proof")
}

func (c *conformance) mismatchedProof(t *testing.T) {
	v := keyportertest.Verifier()
	code := c.pushed(c.push(v, newSigner(t).proof(t, "POST", c.at("par")))).Get("code")
	keyportertest.Refused(t, c.redeem(code, v), http.StatusBadRequest, "invalid_dpop_proof")
}

// dpopNegative tries each of the twelve checks of RFC 9449 §4.3, at the token endpoint and
// at userinfo.
func (c *conformance) dpopNegative(t *testing.T) {
	_, a := c.bound()
	token := a.Text("access_token")
	for what, proof := range c.badProofs(t, http.MethodGet, c.at("userinfo"), map[string]any{"ath": ath(token)}) {
		got := c.userInfo("DPoP "+token, "DPoP", proof)
		if got.Status != http.StatusUnauthorized || got.Text("error") != "invalid_dpop_proof" {
			t.Errorf("userinfo, %s: %v", what, got)
		}
	}
	for what, proof := range c.badProofs(t, http.MethodPost, c.at("token"), nil) {
		form := c.signedForm(refreshing(a.Text("refresh_token")))
		got := c.Post(t, "/oauth2/token", form, "DPoP", proof)
		if got.Status != http.StatusBadRequest || got.Text("error") != "invalid_dpop_proof" {
			t.Errorf("token, %s: %v", what, got)
		}
	}
	if got := c.opens(a, c.fapi, "ath", ath("another")); got.Status != http.StatusUnauthorized {
		t.Errorf("of another token: %v", got)
	}
	once := c.fapi.proof(t, "GET", c.at("userinfo"), "ath", ath(token))
	if got := c.userInfo("DPoP "+token, "DPoP", once); got.Status != http.StatusOK {
		t.Errorf("a good one: %v", got)
	}
	if got := c.userInfo("DPoP "+token, "DPoP", once); got.Status != http.StatusUnauthorized {
		t.Errorf("again: %v", got)
	}
}

// badProofs returns proofs that have one fault each.
func (c *conformance) badProofs(t *testing.T, method, at string, more map[string]any) map[string]string {
	t.Helper()
	good := func(change ...any) string {
		var all []any
		for name, value := range more {
			all = append(all, name, value)
		}
		return c.fapi.proof(t, method, at, append(all, change...)...)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": at, "iat": time.Now().Unix()}
	maps.Copy(claims, more)
	private := jose.JSONWebKey{Key: c.fapi.key}
	return map[string]string{
		"not a JWT":        "x",
		"unsigned":         unsigned(`{"jti":"x","htm":"` + method + `","htu":"` + at + `"}`),
		"signed by HMAC":   c.signed(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte("0123456789abcdef0123456789abcdef")}, claims, "dpop+jwt", &c.fapi.jwk),
		"another typ":      c.signed(t, c.key(), claims, "jwt", &c.fapi.jwk),
		"no jwk":           c.signed(t, c.key(), claims, "dpop+jwt", nil),
		"a private jwk":    c.signed(t, c.key(), claims, "dpop+jwt", &private),
		"another's jwk":    c.signed(t, c.key(), claims, "dpop+jwt", &newSigner(t).jwk),
		"another htm":      good("htm", "PUT"),
		"no htm":           good("htm", nil),
		"another htu":      good("htu", at+"/x"),
		"another host":     good("htu", "https://evil.example/oauth2/token"),
		"no htu":           good("htu", nil),
		"no jti":           good("jti", nil),
		"no iat":           good("iat", nil),
		"an hour old":      good("iat", time.Now().Add(-time.Hour).Unix()),
		"six minutes old":  good("iat", time.Now().Add(-6*time.Minute).Unix()),
		"of the next hour": good("iat", time.Now().Add(time.Hour).Unix()),
	}
}

func (c *conformance) key() jose.SigningKey {
	return jose.SigningKey{Algorithm: jose.ES256, Key: c.fapi.key}
}

// signed returns a JWT with this header.
func (c *conformance) signed(t *testing.T, key jose.SigningKey, claims map[string]any, typ string, jwk *jose.JSONWebKey) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if jwk != nil {
		o = o.WithHeader("jwk", jwk)
	}
	s, err := jose.NewSigner(key, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
