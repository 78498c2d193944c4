package verify_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// proofWorld is an access token that is bound to a key.
type proofWorld struct {
	accessWorld

	secret keyporter.Secret
}

func newProofWorld(t *testing.T, url string) proofWorld {
	t.Helper()
	w := proofWorld{accessWorld: newAccessWorld(t, url)}
	w.Clock.Stop()
	_, w.secret = w.AccessToken(t, w.connection, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: w.key.Hash()})
	return w
}

// claims returns the claims of a valid proof with some changed; nil removes one.
func (w *proofWorld) claims(changes map[string]any) map[string]any {
	hash := sha256.Sum256([]byte(w.secret.Reveal()))
	c := map[string]any{
		"jti": rand.Text(), "htm": "GET", "htu": driveHost + "/drive/1", "iat": w.Clock.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(hash[:]),
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// with returns the call with these DPoP headers.
func (w *proofWorld) with(proofs ...string) *verify.Request {
	req := w.proved(w.secret)
	req.DPoP = proofs
	return req
}

// TestTheTwelveChecksOfAProof follows the list in RFC 9449 §4.3.
func TestTheTwelveChecksOfAProof(t *testing.T) {
	t.Parallel()
	w := newProofWorld(t, keyportertest.Database(t))
	now := w.Clock.Now().Unix()
	sign := func(changes map[string]any) string { return w.key.Sign(w.claims(changes)) }
	good := sign(nil)
	parts := strings.Split(sign(nil), ".")
	for what, proofs := range map[string][]string{
		"1: none":                     nil,
		"1: an empty one":             {""},
		"1: two":                      {sign(nil), sign(nil)},
		"2: two in one":               {sign(nil) + ", " + sign(nil)},
		"2: no JWT":                   {"proof"},
		"2: cut":                      {sign(nil)[:100]},
		"2: JSON":                     {`{"payload":"","signatures":[]}`},
		"2: huge":                     {sign(map[string]any{"x": strings.Repeat("x", 10_000)})},
		"3: without jti":              {sign(map[string]any{"jti": nil})},
		"3: with a number for jti":    {sign(map[string]any{"jti": 1})},
		"3: without htm":              {sign(map[string]any{"htm": nil})},
		"3: without htu":              {sign(map[string]any{"htu": nil})},
		"3: without iat":              {sign(map[string]any{"iat": nil})},
		"4: another typ":              {signWith(t, jose.ES256, "JWT", true, w.claims(nil))},
		"5: HS256":                    {signWith(t, jose.HS256, "dpop+jwt", true, w.claims(nil))},
		"5: none":                     {base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none"}`)) + "." + parts[1] + "."},
		"6: another signature":        {parts[0] + "." + parts[1] + "." + strings.Split(sign(nil), ".")[2]},
		"6: without key":              {signWith(t, jose.ES256, "dpop+jwt", false, w.claims(nil))},
		"7: a private key":            {withPrivateKey(t, w.claims(nil))},
		"7: a small key":              {signWith(t, jose.RS256, "dpop+jwt", true, w.claims(nil))},
		"8: another method":           {sign(map[string]any{"htm": "POST"})},
		"8: in lower case":            {sign(map[string]any{"htm": "get"})},
		"9: another path":             {sign(map[string]any{"htu": driveHost + "/drive/2"})},
		"9: the path is a prefix":     {sign(map[string]any{"htu": driveHost + "/drive/1/2"})},
		"9: another host":             {sign(map[string]any{"htu": "https://evil.example/drive/1"})},
		"9: with a user":              {sign(map[string]any{"htu": "https://x@drive.example/drive/1"})},
		"9: another port":             {sign(map[string]any{"htu": driveHost + ":8443/drive/1"})},
		"9: another scheme":           {sign(map[string]any{"htu": "http://drive.example/drive/1"})},
		"9: a path only":              {sign(map[string]any{"htu": "/drive/1"})},
		"11: old":                     {sign(map[string]any{"iat": now - 61})},
		"11: from the future":         {sign(map[string]any{"iat": now + 3600})},
		"11: out of bounds":           {sign(map[string]any{"iat": 1e300})},
		"11: not yet":                 {sign(map[string]any{"nbf": now + 3600})},
		"11: expired":                 {sign(map[string]any{"exp": now - 1})},
		"12: without ath":             {sign(map[string]any{"ath": nil})},
		"12: for another token":       {sign(map[string]any{"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"})},
		"12: signed with another key": {keyportertest.NewProofKey(t).Sign(w.claims(nil))},
	} {
		if d := w.Checker.Check(t.Context(), w.with(proofs...)); d.Reason != keyporter.ReasonProof || d.Allowed {
			t.Errorf("%s: allowed %v, reason %q", what, d.Allowed, d.Reason)
		}
		if x, err := w.Checker.Explain(t.Context(), w.with(proofs...)); err != nil || !proofFailedWithCause(x) {
			t.Errorf("%s: no cause in %+v, %v", what, x.Steps, err)
		}
	}
	for what, proof := range map[string]string{
		"a good one": good, "with query and fragment": sign(map[string]any{"htu": driveHost + "/drive/1?a=b#c"}), "with the usual port": sign(map[string]any{"htu": "HTTPS://Drive.Example:443/drive/1"}),
		"escaped": sign(map[string]any{"htu": driveHost + "/drive/%31"}), "10 seconds old": sign(map[string]any{"iat": now - 10}), "10 seconds ahead": sign(map[string]any{"iat": now + 10}),
		"with a fraction": sign(map[string]any{"iat": float64(now) - 0.5}), "with a nonce": sign(map[string]any{"nonce": "x"}), "with times": sign(map[string]any{"nbf": now, "exp": now + 60}),
	} {
		if d := w.Checker.Check(t.Context(), w.with(proof)); !d.Allowed {
			t.Errorf("%s: %s", what, d.Reason)
		}
		if d := w.Checker.Check(t.Context(), w.with(proof)); d.Reason != keyporter.ReasonProof {
			t.Errorf("%s, again: %q", what, d.Reason)
		}
	}
}

func proofFailedWithCause(x keyporter.Explanation) bool {
	for _, s := range x.Steps {
		if s.Rule == keyporter.RuleProof && s.Outcome == keyporter.Failed {
			return s.Cause != ""
		}
	}
	return false
}

// signWith signs claims in ways that proofs mustn't be signed.
func signWith(t *testing.T, alg jose.SignatureAlgorithm, typ string, embed bool, claims map[string]any) string {
	t.Helper()
	key := keyportertest.NewProofKey(t).Private()
	switch alg { //nolint:exhaustive // the others sign with an EC key
	case jose.HS256:
		key = []byte("a key of thirty-two bytes or more")
	case jose.RS256:
		small, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		key = small
	}
	return keyportertest.SignProof(t, jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{EmbedJWK: embed}).WithType(jose.ContentType(typ)), claims)
}

// withPrivateKey returns a proof that has the private key in its header.
func withPrivateKey(t *testing.T, claims map[string]any) string {
	t.Helper()
	key := keyportertest.NewProofKey(t).Private()
	options := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: key})
	return keyportertest.SignProof(t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, options, claims)
}

// TestAProofWorksOnce has sixteen calls use the same proof at once, on two nodes.
func TestAProofWorksOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newProofWorld(t, url)
		second := keyportertest.NewNode(t, url, keyportertest.Drive("http://127.0.0.1:1"))
		keyportertest.Eventually(t, "both know the token", func() bool {
			return second.Checker.Check(t.Context(), w.with(w.key.Sign(w.claims(nil)))).Allowed
		})
		for range 3 {
			req := w.with(w.key.Sign(w.claims(nil)))
			var all sync.WaitGroup
			var allowed, refused atomic.Int64
			for i := range 16 {
				checker := []*verify.Checker{w.Checker, second.Checker}[i%2]
				all.Go(func() {
					switch d := checker.Check(t.Context(), req); d.Reason {
					case keyporter.Allowed:
						allowed.Add(1)
					case keyporter.ReasonProof:
						refused.Add(1)
					default:
						t.Errorf("refused for %s", d.Reason)
					}
				})
			}
			all.Wait()
			if allowed.Load() != 1 || refused.Load() != 15 {
				t.Errorf("%d were allowed, %d refused", allowed.Load(), refused.Load())
			}
		}
	})
}

// TestProofsWithAnotherKeyAreNotWritten has a thief send a stolen token with proofs signed with
// their own key: none may fill the table.
func TestProofsWithAnotherKeyAreNotWritten(t *testing.T) {
	t.Parallel()
	w := newProofWorld(t, keyportertest.Database(t))
	thief := keyportertest.NewProofKey(t)
	w.ask(t, w.with(w.key.Sign(w.claims(nil))), keyporter.Allowed)
	before := w.DB.Statements()
	for range 20 {
		w.ask(t, w.with(thief.Sign(w.claims(nil))), keyporter.ReasonProof)
	}
	if after := w.DB.Statements(); after != before {
		t.Errorf("%d statements were run", after-before)
	}
	w.Clock.Advance(2 * time.Minute)
	if err := w.Control.Prune(t.Context(), keyporter.System()); err != nil {
		t.Fatal(err)
	}
	if d := w.Checker.Check(t.Context(), w.with(w.key.Sign(w.claims(nil)))); !d.Allowed || !d.DPoP() {
		t.Errorf("after the proofs were pruned: %s", d.Reason)
	}
}

// TestTheSchemeDPoPIsForBoundTokens sends other tokens with the DPoP scheme, and bound ones without it.
func TestTheSchemeDPoPIsForBoundTokens(t *testing.T) {
	t.Parallel()
	w := newProofWorld(t, keyportertest.Database(t))
	_, mine := keyportertest.Token(t, w.Control, w.ada, "Mine")
	w.ask(t, w.proved(mine), keyporter.ReasonNotBound)
	// The same token in another header as well doesn't matter.
	req := w.proved(w.secret)
	req.APIToken = []string{w.secret.Reveal()}
	w.ask(t, req, keyporter.Allowed)
	req = &verify.Request{Method: "GET", Path: "/drive/1", APIToken: []string{w.secret.Reveal()}, DPoP: w.proved(w.secret).DPoP}
	w.ask(t, req, keyporter.ReasonBound)
}

func FuzzReadProof(f *testing.F) {
	key := keyportertest.NewProofKey(f)
	f.Add(key.Proof("GET", driveHost, keyporter.NewSecret(keyporter.SecretAccessToken), time.Unix(1_800_000_000, 0)))
	f.Add("a.b.c")
	of := verify.Proven{Method: "GET", Origins: []string{driveHost}, Now: time.Unix(1_800_000_000, 0)}
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := verify.ReadProof([]string{proof}, of)
		if err == nil && (p.KeyHash == "" || !p.ExpiresAt.After(of.Now)) {
			t.Errorf("%q holds: %+v", proof, p)
		}
	})
}
