package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestKeyBoundTokens calls with and without valid proofs of the key, in the mode Decide.
func TestKeyBoundTokens(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		mine, other := keyportertest.NewProofKey(t), keyportertest.NewProofKey(t)
		connection := w.Connect(t, w.ada, w.App(t, keyporter.App{Scopes: keyportertest.Asks("file.read")}))
		_, bound := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: mine.Hash()})
		_, plain := w.AccessToken(t, connection, keyporter.AccessToken{Scopes: []string{"file.read"}})
		line := w.line(t)
		api := w.decide(t, line, func(cfg *client.Config) { cfg.Grace = time.Hour })
		w.eventuallyKept(t, api, "ApiToken", w.secret.Reveal()) // the stream is open

		const here = "https://drive.example/v1/files/a%20b"
		try := func(proofs []string, authorization string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, "http://evil.example/v1/files/a%20b?q=1", nil) // it doesn't matter what the caller says
			r.Header.Set("Authorization", authorization)
			for _, p := range proofs {
				r.Header.Add("DPoP", p)
			}
			rec := httptest.NewRecorder()
			http.StripPrefix("/v1", api).ServeHTTP(rec, r) // the proof names the path that the client called
			return rec
		}
		proof := func(key keyportertest.ProofKey, method, url string, token keyporter.Secret) string {
			return key.Proof(method, url, token, w.Clock.Now())
		}
		asDPoP := "DPoP " + bound.Reveal()
		good := proof(mine, "GET", here, bound)
		for range 2 { // each call has its own proof, and none is answered from memory
			if rec := try([]string{proof(mine, "GET", here, bound)}, asDPoP); rec.Code != http.StatusOK {
				t.Fatal(rec.Code, rec.Header(), rec.Body)
			}
		}
		if rec := try([]string{good}, asDPoP); rec.Code != http.StatusOK {
			t.Error(rec.Code, rec.Body)
		}
		for name, c := range map[string]struct {
			proofs        []string
			authorization string
			reason        keyporter.Reason
			scheme        string
		}{
			"the same proof again": {[]string{good}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"no proof":             {nil, asDPoP, keyporter.ReasonProof, "DPoP"},
			"an empty proof":       {[]string{""}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"two proofs":           {[]string{proof(mine, "GET", here, bound), proof(mine, "GET", here, bound)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"a huge proof":         {[]string{strings.Repeat("x", 100_000)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"not UTF-8":            {[]string{"\xff"}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"by another key":       {[]string{proof(other, "GET", here, bound)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"for another method":   {[]string{proof(mine, "POST", here, bound)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"for another path":     {[]string{proof(mine, "GET", "https://drive.example/files/a%20b", bound)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"for another host":     {[]string{proof(mine, "GET", "http://evil.example/v1/files/a%20b", bound)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"for another token":    {[]string{proof(mine, "GET", here, plain)}, asDPoP, keyporter.ReasonProof, "DPoP"},
			"as a bearer token":    {[]string{proof(mine, "GET", here, bound)}, "Bearer " + bound.Reveal(), keyporter.ReasonBound, "DPoP"},
			"an unbound token":     {[]string{proof(mine, "GET", here, plain)}, "DPoP " + plain.Reveal(), keyporter.ReasonNotBound, "Bearer"},
		} {
			rec := try(c.proofs, c.authorization)
			challenge := rec.Header().Get("WWW-Authenticate")
			if rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Body.String(), string(c.reason)) || !strings.HasPrefix(challenge, c.scheme+" ") || strings.Contains(challenge, `algs="ES256 `) != (c.scheme == "DPoP") {
				t.Errorf("%s: %d %s %s", name, rec.Code, challenge, rec.Body)
			}
		}
		line.Down()
		if rec := try([]string{proof(mine, "GET", here, bound)}, asDPoP); rec.Code != http.StatusServiceUnavailable {
			t.Errorf("without Keyporter: %d %s", rec.Code, rec.Body)
		}
	})
}
