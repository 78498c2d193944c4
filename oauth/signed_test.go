package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// signer creates proofs and assertions.
type signer struct {
	key *ecdsa.PrivateKey
	jwk jose.JSONWebKey
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key, jose.JSONWebKey{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}
}

func (s *signer) thumbprint() string {
	sum, _ := s.jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum)
}

func (s *signer) sign(t testing.TB, claims map[string]any, typ string) string {
	t.Helper()
	o := (&jose.SignerOptions{EmbedJWK: typ == "dpop+jwt"}).WithType(jose.ContentType(typ))
	if typ != "dpop+jwt" {
		o = o.WithHeader("kid", "k1")
	}
	sig, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(sig).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// proof returns a good DPoP proof. change has claims to set, or to remove if nil.
func (s *signer) proof(t testing.TB, method, at string, change ...any) string {
	t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": at, "iat": time.Now().Unix()}
	for i := 0; i+1 < len(change); i += 2 {
		name, _ := change[i].(string)
		if claims[name] = change[i+1]; change[i+1] == nil {
			delete(claims, name)
		}
	}
	return s.sign(t, claims, "dpop+jwt")
}

func ath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestTokensBoundToAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	key, other := newSigner(t), newSigner(t)
	tokenURL, userURL := w.URL+"/oauth2/token", w.URL+"/oauth2/userinfo"
	redeem := func(proof string, change ...string) keyportertest.Answer {
		v := keyportertest.Verifier()
		return w.Post(t, "/oauth2/token", redemption(w.code("public", v, change...), v), "DPoP", proof)
	}
	got := redeem(key.proof(t, "POST", tokenURL))
	access := got.Text("access_token")
	if got.Status != 200 || got.Text("token_type") != "DPoP" {
		t.Fatalf("%v", got)
	}
	now := time.Now()
	for what, proof := range map[string]string{
		"another method":  key.proof(t, "GET", tokenURL),
		"another address": key.proof(t, "POST", userURL),
		"a slash more":    key.proof(t, "POST", tokenURL+"/"),
		"too old":         key.proof(t, "POST", tokenURL, "iat", now.Add(-10*time.Minute).Unix()),
		"of the future":   key.proof(t, "POST", tokenURL, "iat", now.Add(10*time.Minute).Unix()),
		"no jti":          key.proof(t, "POST", tokenURL, "jti", nil),
		"no iat":          key.proof(t, "POST", tokenURL, "iat", nil),
		"expired":         key.proof(t, "POST", tokenURL, "exp", now.Add(-time.Minute).Unix()),
		"another type":    key.sign(t, map[string]any{"jti": "x", "htm": "POST", "htu": tokenURL, "iat": now.Unix()}, "jwt"),
		"no JWT":          "x",
	} {
		if a := redeem(proof); a.Status != 400 || a.Text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %v", what, a)
		}
	}
	for _, seconds := range []int{-10, 10} {
		if a := redeem(key.proof(t, "POST", tokenURL, "iat", now.Add(time.Duration(seconds)*time.Second).Unix())); a.Status != 200 {
			t.Errorf("a clock that is %d s ahead: %v", seconds, a)
		}
	}
	once := key.proof(t, "POST", tokenURL)
	if a := redeem(once); a.Status != 200 {
		t.Errorf("%v", a)
	}
	keyportertest.Refused(t, redeem(once), 400, "invalid_dpop_proof")
	keyportertest.Refused(t, redeem(other.proof(t, "POST", tokenURL), "dpop_jkt", key.thumbprint()), 400, "invalid_dpop_proof")
	keyportertest.Refused(t, redeem("", "dpop_jkt", key.thumbprint()), 400, "invalid_dpop_proof")

	proof := key.proof(t, "GET", userURL, "ath", ath(access))
	if a := w.userInfo("DPoP "+access, "DPoP", proof); a.Status != 200 {
		t.Errorf("userinfo: %v", a)
	}
	for what, a := range map[string]keyportertest.Answer{
		"as a bearer token":             w.userInfo("Bearer " + access),
		"as a bearer token, with proof": w.userInfo("Bearer "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath(access))),
		"no proof":                      w.userInfo("DPoP " + access),
		"another key":                   w.userInfo("DPoP "+access, "DPoP", other.proof(t, "GET", userURL, "ath", ath(access))),
		"another token":                 w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath("x"))),
		"no token":                      w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL)),
		"the proof again":               w.userInfo("DPoP "+access, "DPoP", proof),
		"two proofs":                    w.userInfo("DPoP "+access, "DPoP", key.proof(t, "GET", userURL, "ath", ath(access)), "DPoP", key.proof(t, "GET", userURL, "ath", ath(access))),
		"a bearer token as bound":       w.userInfo("DPoP "+w.tokens().Text("access_token"), "DPoP", key.proof(t, "GET", userURL)),
	} {
		if a.Status != 401 && a.Status != 400 || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %v", what, a)
		}
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_dpop_proof")
	keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")), "DPoP", other.proof(t, "POST", tokenURL)), 400, "invalid_dpop_proof")
	if a := w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token")), "DPoP", key.proof(t, "POST", tokenURL)); a.Status != 200 || a.Text("token_type") != "DPoP" {
		t.Errorf("refresh: %v", a)
	}
}

func TestAnAppThatAuthenticatesWithAKey(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		other := keyportertest.NewNode(t, address)
		key, stranger := newSigner(t), newSigner(t)
		keys, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.jwk}})
		w.app(keyporter.App{ID: "signs", Authentication: keyporter.AppKey, OwnTokens: true, Keys: string(keys)})
		assertion := func(s *signer, change ...any) string {
			claims := map[string]any{"iss": "signs", "sub": "signs", "aud": w.URL, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
			for i := 0; i+1 < len(change); i += 2 {
				name, _ := change[i].(string)
				claims[name] = change[i+1]
			}
			return s.sign(t, claims, "JWT")
		}
		form := func(assertion string) url.Values {
			return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
		}
		once := assertion(key)
		for _, a := range []string{once, assertion(key, "aud", w.URL+"/oauth2/token")} {
			if a := w.Post(t, "/oauth2/token", form(a)); a.Status != 200 {
				t.Errorf("%v", a)
			}
		}
		second := other.AuthServer(t, func(c *keyportertest.DoorsForApps) { c.Issuer = w.URL })
		for what, text := range map[string]string{
			"shown again":      once,
			"another key":      assertion(stranger),
			"another audience": assertion(key, "aud", "https://evil.example"),
			"expired":          assertion(key, "exp", time.Now().Add(-time.Minute).Unix()),
			"for a year":       assertion(key, "exp", time.Now().AddDate(1, 0, 0).Unix()),
			"another app":      assertion(key, "sub", "public"),
			"of another app":   assertion(key, "iss", "public"),
			"two apps":         assertion(key, "iſs", "confidential"), // which some parsers read as iss
			"unsigned":         unsigned(`{"iss":"signs","sub":"signs"}`),
			"not a JWT":        "x",
		} {
			for _, srv := range []*keyportertest.AuthServer{w.AuthServer, second} {
				if a := srv.Post(t, "/oauth2/token", form(text)); a.Status != 401 || a.Text("error") != "invalid_client" {
					t.Errorf("%s: %v", what, a)
				}
			}
		}
	})
}

func TestAddressesInAKeyIDAreNotFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	asked := false
	srv := httptestServer(t, func() { asked = true })
	key := newSigner(t)
	keys, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.jwk}})
	w.app(keyporter.App{ID: "signs", Authentication: keyporter.AppKey, OwnTokens: true, Keys: string(keys)})
	thief := newSigner(t)
	for _, name := range []jose.HeaderKey{"kid", "jku", "x5u"} {
		sig, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: thief.key}, (&jose.SignerOptions{}).WithHeader("kid", "k1").WithHeader(name, srv))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := jwt.Signed(sig).Claims(map[string]any{"iss": "signs", "sub": "signs", "aud": w.URL, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}).Serialize()
		a := w.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}})
		keyportertest.Refused(t, a, 401, "invalid_client")
	}
	if asked {
		t.Error("an address that a request named was fetched")
	}
}

func TestJWTs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "jwt", Authentication: keyporter.AppPublic, JWT: true})
	v := keyportertest.Verifier()
	get := func(change ...string) (jwt.Claims, map[string]any) {
		a := w.Post(t, "/oauth2/token", redemption(w.code("jwt", v, change...), v, "client_id", "jwt"))
		token, err := jwt.ParseSigned(a.Text("access_token"), []jose.SignatureAlgorithm{jose.ES256})
		if err != nil || token.Headers[0].ExtraHeaders["typ"] != "at+jwt" {
			t.Fatalf("%v, %v", a, err)
		}
		var set jose.JSONWebKeySet
		res, err := http.Get(w.URL + "/oauth2/jwks")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		var claims jwt.Claims
		more := map[string]any{}
		if err := token.Claims(set.Key(token.Headers[0].KeyID)[0].Key, &claims, &more); err != nil {
			t.Fatal(err)
		}
		return claims, more
	}
	claims, more := get()
	if claims.Issuer != w.URL || claims.Subject != string(w.ada.ID) || !claims.Audience.Contains(w.URL) || claims.ID == "" || more["client_id"] != "jwt" || more["scope"] != "openid envelope.read" {
		t.Errorf("%+v %v", claims, more)
	}
	if claims, _ := get("resource", keyportertest.Resource); !slices.Equal(claims.Audience, jwt.Audience{keyportertest.Resource}) {
		t.Errorf("for one API: %+v", claims)
	}
}

// TestUserInfoAcceptsAJWT requires a JWT to open userinfo until its grant ends. Other APIs don't ask us.
func TestUserInfoAcceptsAJWT(t *testing.T) {
	w := newWorld(t, keyportertest.Database(t))
	w.app(keyporter.App{ID: "jwt", Authentication: keyporter.AppPublic, JWT: true})
	v := keyportertest.Verifier()
	a := w.Post(t, "/oauth2/token", redemption(w.code("jwt", v), v, "client_id", "jwt"))
	token := a.Text("access_token")
	if got := w.userInfo("Bearer " + token); got.Status != http.StatusOK || got.Text("sub") != string(w.ada.ID) {
		t.Errorf("%v", got)
	}
	key := newSigner(t)
	forged := key.sign(t, map[string]any{"iss": w.URL, "sub": string(w.ada.ID), "scope": "openid", "exp": time.Now().Add(time.Hour).Unix()}, "at+jwt")
	header, claims, _ := strings.Cut(token, ".")
	claims, _, _ = strings.Cut(claims, ".")
	for what, text := range map[string]string{
		"signed by another key": forged, "an ID token": a.Text("id_token"), "without its signature": header + "." + claims + ".",
		"unsigned": unsigned(`{"iss":"` + w.URL + `","scope":"openid"}`),
	} {
		keyportertest.Refused(t, w.userInfo("Bearer "+text), http.StatusUnauthorized, "invalid_token")
		if t.Failed() {
			t.Fatal(what)
		}
	}
	if to := w.ask(w.person, "client_id", "jwt", "id_token_hint", token); to.Query().Get("error") != "invalid_request" {
		t.Errorf("an access token is accepted as a hint: %s", to)
	}
	w.Disconnect(t, w.ConnectionOf(t, w.ada.ID, "jwt"))
	keyportertest.Refused(t, w.userInfo("Bearer "+token), http.StatusUnauthorized, "invalid_token")
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		w := newWorld(t, address)
		second := keyportertest.NewNode(t, address)
		second.Clock.Stop()
		other := second.AuthServer(t)
		kids := func(s *keyportertest.AuthServer) (all []string) {
			var set jose.JSONWebKeySet
			res, err := http.Get(s.URL + "/oauth2/jwks")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			text, _ := io.ReadAll(res.Body)
			if err := json.Unmarshal(text, &set); err != nil || strings.Contains(string(text), `"d"`) {
				t.Fatalf("%v %s", err, text)
			}
			for _, k := range set.Keys {
				all = append(all, k.KeyID)
			}
			return all
		}
		signs := func() string {
			token, err := jwt.ParseSigned(w.tokens().Text("id_token"), []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			return token.Headers[0].KeyID
		}
		first := kids(w.AuthServer)
		if len(first) != 2 || !slices.Equal(first, kids(other)) {
			t.Fatalf("%v and %v", first, kids(other))
		}
		old := signs()
		w.Clock.Advance(91 * 24 * time.Hour)
		w.person = w.SignIn(t, w.ada)
		published := kids(w.AuthServer)
		if len(published) != 4 || signs() != old {
			t.Errorf("published %v, and %s signs", published, signs())
		}
		w.Clock.Advance(25 * time.Hour)
		w.person = w.SignIn(t, w.ada)
		if now := signs(); now == old || !slices.Contains(published, now) || len(kids(w.AuthServer)) != 4 {
			t.Errorf("a day later %s signs, of %v", now, kids(w.AuthServer))
		}
		w.Clock.Advance(26 * time.Hour)
		if left := kids(w.AuthServer); len(left) != 2 || slices.Contains(left, old) {
			t.Errorf("in the end: %v", left)
		}
	})
}
