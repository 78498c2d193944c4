package oauth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestStrangersWriteNothingBeforeTheyAreCounted has one network use up its limit. From then on,
// whatever it sends is answered while somebody else has the database's one writer. On PostgreSQL, it
// counts statements: one that finds the app, and none that writes.
func TestStrangersWriteNothingBeforeTheyAreCounted(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address, func(c *keyportertest.DoorsForApps) { c.Register = true })
		w.Clock.Stop()
		w.app(keyporter.App{ID: "tv", Authentication: keyporter.AppPublic, Device: true, RedirectURIs: []string{}})
		device := w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"envelope.read"}}).Text("device_code")
		body := `{"client_name":"Tool","redirect_uris":["https://tool.example/cb"],"token_endpoint_auth_method":"none"}`
		made := w.send(t, "POST", "/oauth2/register", "", body)
		at, token := "/oauth2/register/"+made.Text("client_id"), made.Text("registration_access_token")
		change := func(i int) int {
			return w.send(t, "PUT", at, token, fmt.Sprintf(`{"client_id":"%s","client_name":"Tool %d","redirect_uris":["https://tool.example/cb"],"token_endpoint_auth_method":"none"}`, made.Text("client_id"), i)).Status
		}
		kinds := map[string]struct {
			send  func(i int) int
			limit int // 0: nothing is ever written
			want  int // status over the limit
		}{
			"a pushed request with a proof of its own": {func(int) int {
				key := newSigner(t)
				return w.Post(t, "/oauth2/par", request("public", keyportertest.Verifier()), "DPoP", key.proof(t, "POST", w.URL+"/oauth2/par", "iat", w.Clock.Now().Unix())).Status
			}, 500, 503},
			"a device": {func(int) int {
				return w.Post(t, "/oauth2/device_authorization", url.Values{"client_id": {"tv"}}).Status
			}, 0, 503}, // it has the limit of the first
			"an authorization request": {func(int) int {
				_, status, _ := w.Stranger(t).Browse(t, "/oauth2/authorize?"+request("public", keyportertest.Verifier()).Encode())
				return status
			}, 0, 303}, // the app hears of it
			"a registration": {func(int) int { return w.send(t, "POST", "/oauth2/register", "", body).Status }, 100, 429},
			"a changed one":  {change, 10, 429},
			"a poll": {func(int) int {
				return w.Post(t, "/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {device}, "client_id": {"tv"}}).Status
			}, 0, 400},
			"a token that is none": {func(int) int {
				return w.userInfo("Bearer " + keyporter.NewSecret(keyporter.SecretAccessToken).Reveal()).Status
			}, 0, 401},
		}
		for _, k := range kinds {
			for i := range k.limit + 1 {
				k.send(i)
			}
		}
		w.WhileWriting(t, func() {
			for what, k := range kinds {
				before := w.DB.Statements()
				for i := range 10 {
					if status := k.send(1000 + i); status != k.want {
						t.Errorf("%s over the limit: %d, want %d", what, status, k.want)
					}
				}
				if n := w.DB.Statements() - before; n > 40 {
					t.Errorf("%s takes %d statements for ten requests", what, n)
				}
			}
		})
	})
}

// TestARegistrationThatSaysTheSameChangesNothing requires an approved app to keep working when it sends
// its registration again.
func TestARegistrationThatSaysTheSameChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	made := w.send(t, "POST", "/oauth2/register", "", `{"client_name":"Tool","redirect_uris":["https://tool.example/cb"],"token_endpoint_auth_method":"client_secret_post","jwks":null}`)
	id := keyporter.ID(made.Text("client_id"))
	at, token := "/oauth2/register/"+string(id), made.Text("registration_access_token")
	w.SetAppState(t, id, keyporter.AppActive)
	state := func() keyporter.AppState {
		a, err := w.Grants.App(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return a.State
	}
	said := w.send(t, "GET", at, token, "")
	if said.Text("token_endpoint_auth_method") != "client_secret_post" || said.Text("id_token_signed_response_alg") != "RS256" {
		t.Errorf("it isn't told what it registered: %v", said)
	}
	text, err := json.Marshal(said.Body)
	if err != nil {
		t.Fatal(err)
	}
	again := string(text)
	approved, err := w.Grants.App(t.Context(), id) // and what an operator may change of it
	if err != nil {
		t.Fatal(err)
	}
	approved.Publisher, approved.Scopes[0].Optional = "Tool Makers", true
	slices.Reverse(approved.Scopes)
	if _, err := w.Control.UpdateApp(t.Context(), keyporter.Command(), approved); err != nil {
		t.Fatal(err)
	}
	for range 20 { // more than may change something
		if a := w.send(t, "PUT", at, token, again); a.Status != http.StatusOK || state() != keyporter.AppActive {
			t.Fatalf("%s after the same again: %v", state(), a)
		}
	}
	if a := w.send(t, "PUT", at, token, strings.Replace(again, `"Tool"`, `"Bank"`, 1)); a.Status != http.StatusOK || state() != keyporter.AppQuarantined {
		t.Errorf("%s after a change: %v", state(), a)
	}
}

// send sends a JSON body, with a registration access token unless it is empty.
func (w *world) send(t testing.TB, method, path, token, body string) keyportertest.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return keyportertest.Do(t, req)
}

// TestTheSameCodeTwiceAtOnce has an app send a code again a moment later, as a proxy does that tries
// again: what the first got keeps working, unless whoever comes second doesn't have the verifier.
func TestTheSameCodeTwiceAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		w.Clock.Stop()
		for what, c := range map[string]struct{ bound, wrong bool }{
			"a bearer token": {}, "a bound token": {bound: true}, "a wrong verifier": {wrong: true}, "a wrong verifier for a bound token": {true, true},
		} {
			v := keyportertest.Verifier()
			code, second := w.code("public", v), v
			if c.wrong {
				second = keyportertest.Verifier()
			}
			var header []string
			if c.bound {
				header = []string{"DPoP", newSigner(t).proof(t, "POST", w.URL+"/oauth2/token", "iat", w.Clock.Now().Unix())}
			}
			first := w.Post(t, "/oauth2/token", redemption(code, v), header...)
			w.Clock.Advance(5 * time.Millisecond)
			keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, second), header...), 400, "invalid_grant") // the same proof, too
			if _, _, err := w.Grants.AccessToken(t.Context(), first.Text("access_token")); first.Status != http.StatusOK || (err == nil) == c.wrong {
				t.Errorf("%s: %v, then %v", what, first, err)
			}
		}
	})
}

// TestOneValidatorForRegisteredApps registers what an operator couldn't enter, what Keyporter doesn't do,
// and what only looks odd.
func TestOneValidatorForRegisteredApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	_, key := rsaKey(t, 1024)
	for text, status := range map[string]int{
		`"token_endpoint_auth_method":"private_key_jwt","jwks":` + key:                                      400,
		`"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`:     400,
		`"token_endpoint_auth_method":"private_key_jwt","jwks":null`:                                        400,
		`"token_endpoint_auth_method":"none","jwks":null`:                                                   201,
		`"subject_type":"pairwise"`:                                                                         400,
		`"subject_type":"public"`:                                                                           201,
		`"id_token_signed_response_alg":"none"`:                                                             400,
		`"id_token_signed_response_alg":"ES256"`:                                                            201,
		`"token_endpoint_auth_signing_alg":"none"`:                                                          400,
		`"dpop_bound_access_tokens":true`:                                                                   400,
		`"dpop_bound_access_tokens":false,"require_pushed_authorization_requests":null`:                     201,
		`"userinfo_signed_response_alg":"RS256"`:                                                            400,
		`"redirect_uris":["com.example.tool:/cb"],"token_endpoint_auth_method":"client_secret_basic"`:       201,
		`"redirect_uris":["javascript:alert(1)"],"token_endpoint_auth_method":"client_secret_basic"`:        400,
		`"redirect_uris":["com.example.tool:/cb"],"token_endpoint_auth_method":"none","client_name":"Tool"`: 201,
	} {
		body := `{"redirect_uris":["https://tool.example/cb"],` + text + `}`
		a := w.send(t, "POST", "/oauth2/register", "", body)
		if a.Status != status {
			t.Errorf("%s: %v, want %d", text, a, status)
		}
		if status == 400 && !strings.HasPrefix(a.Text("error"), "invalid_") {
			t.Errorf("%s: %v", text, a)
		}
	}
}

// TestAnAppChoosesHowItsIDTokensAreSigned requires each of the algorithms that the metadata offers.
func TestAnAppChoosesHowItsIDTokensAreSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for id, alg := range map[keyporter.ID]jose.SignatureAlgorithm{"rs": jose.RS256, "es": jose.ES256} {
		w.app(keyporter.App{ID: id, Authentication: keyporter.AppPublic, ES256: alg == jose.ES256})
		v := keyportertest.Verifier()
		a := w.Post(t, "/oauth2/token", redemption(w.code(string(id), v), v, "client_id", string(id)))
		if _, err := jwt.ParseSigned(a.Text("id_token"), []jose.SignatureAlgorithm{alg}); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if to := w.ask(w.person, "client_id", string(id), "id_token_hint", a.Text("id_token"), "prompt", "none"); to.Query().Get("code") == "" {
			t.Errorf("its own ID token is no hint: %s", to)
		}
	}
}

// TestARefreshTokenSaysWhenItEnds looks one up that ends before its grant, because it isn't used.
func TestARefreshTokenSaysWhenItEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	v := keyportertest.Verifier()
	client := []string{"client_id", "confidential", "client_secret", w.secret.Reveal()}
	got := w.Post(t, "/oauth2/token", redemption(w.code("confidential", v), v, client...))
	about := w.Post(t, "/oauth2/introspect", keyportertest.With(url.Values{"token": {got.Text("refresh_token")}}, client...))
	ends, _ := about.Body["exp"].(float64)
	if in := time.Unix(int64(ends), 0).Sub(w.Clock.Now()); in < 29*24*time.Hour || in > 30*24*time.Hour {
		t.Errorf("it ends in %v", in)
	}
}

// TestAPushedRequestEnds has its page loaded again and again: that doesn't prolong it, so max_age counts.
func TestAPushedRequestEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.Clock.Stop()
	p := w.Post(t, "/oauth2/par", request("public", keyportertest.Verifier(), "max_age", "60")).Text("request_uri")
	link, s := "/oauth2/authorize?"+url.Values{"client_id": {"public"}, "request_uri": {p}}.Encode(), w.Stranger(t)
	for i, status := range []int{http.StatusSeeOther, http.StatusSeeOther, http.StatusBadRequest} {
		if _, got, body := s.Browse(t, link); got != status {
			t.Errorf("load %d: %d %s", i, got, body)
		}
		w.Clock.Advance(20 * time.Minute)
	}
}

// TestAProxyRepeatsARequestAtOnce has two copies of a request race, with the same proof: one gets tokens,
// and they work.
func TestAProxyRepeatsARequestAtOnce(t *testing.T) {
	t.Parallel()
	twoNodes(t, func(t *testing.T, w *world, servers []*keyportertest.AuthServer) {
		for range 10 {
			key, v := newSigner(t), keyportertest.Verifier()
			form, proof := redemption(w.code("public", v), v), key.proof(t, "POST", w.URL+"/oauth2/token")
			var answers [2]keyportertest.Answer
			var both sync.WaitGroup
			for i := range answers {
				both.Go(func() { answers[i] = servers[0].Post(t, "/oauth2/token", form, "DPoP", proof) })
			}
			both.Wait()
			works := 0
			for _, a := range answers {
				if _, _, err := w.Grants.AccessToken(t.Context(), a.Text("access_token")); a.Status == http.StatusOK && err == nil {
					works++
				}
			}
			if works != 1 {
				t.Fatalf("%d of two work: %v", works, answers)
			}
		}
	})
}

// TestASmallKeyOfAnEarlierReleaseDoesNotCount has an app with a key that couldn't be entered today.
func TestASmallKeyOfAnEarlierReleaseDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	small, keys := rsaKey(t, 1024)
	w.app(keyporter.App{ID: "small", Authentication: keyporter.AppKey, OwnTokens: true, Keys: keys})
	assertion := keyportertest.SignProof(t, jose.SigningKey{Algorithm: jose.RS256, Key: small}, (&jose.SignerOptions{}).WithType("JWT"), map[string]any{
		"iss": "small", "sub": "small", "aud": w.URL, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	})
	a := w.Post(t, "/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
	keyportertest.Refused(t, a, http.StatusUnauthorized, "invalid_client")
}

// TestAnAppSignsWithTheAlgorithmItRegistered signs assertions with one key and two algorithms.
func TestAnAppSignsWithTheAlgorithmItRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t), func(c *keyportertest.DoorsForApps) { c.Register = true })
	key, keys := rsaKey(t, 2048)
	made := w.send(t, "POST", "/oauth2/register", "", `{"client_name":"Tool","grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","token_endpoint_auth_signing_alg":"PS256","jwks":`+keys+`}`)
	id := made.Text("client_id")
	w.SetAppState(t, keyporter.ID(id), keyporter.AppActive)
	for alg, status := range map[jose.SignatureAlgorithm]int{jose.PS256: http.StatusOK, jose.RS256: http.StatusUnauthorized} {
		assertion := keyportertest.SignProof(t, jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"), map[string]any{
			"iss": id, "sub": id, "aud": w.URL, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		})
		a := w.Post(t, "/oauth2/token", url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
		if a.Status != status {
			t.Errorf("%s: %v", alg, a)
		}
	}
}

// rsaKey returns a key of so many bits, and the set that an app registers of it.
func rsaKey(t testing.TB, bits int) (key *rsa.PrivateKey, set string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey}}})
	if err != nil {
		t.Fatal(err)
	}
	return key, string(text)
}
