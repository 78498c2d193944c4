package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// appWorld is a gateway, and an app that acts for Ada.
type appWorld struct {
	*world

	app        keyporter.App
	connection keyporter.Connection
	key        keyportertest.ProofKey
}

func newAppWorld(t *testing.T, trusted ...string) appWorld {
	t.Helper()
	w := appWorld{world: newWorld(t, echo, trusted...), key: keyportertest.NewProofKey(t)}
	w.app = w.App(t, keyporter.App{OwnTokens: true, Scopes: keyportertest.Asks("file.read", "file.write")})
	w.connection = w.Connect(t, w.ada, w.app, "file.read", "file.write")
	return w
}

func (w *appWorld) issue(t *testing.T, in keyporter.AccessToken) keyporter.Secret {
	t.Helper()
	_, secret := w.AccessToken(t, w.connection, in)
	return secret
}

func TestAnAPILearnsWhichAppCalls(t *testing.T) {
	t.Parallel()
	w := newAppWorld(t)
	secret := w.issue(t, keyporter.AccessToken{Scopes: []string{"file.read", "openid"}}).Reveal()
	for _, header := range []string{"Authorization: Bearer " + secret, "ApiToken: " + secret} {
		got := body(t, w.get(t, "/drive/1", header, "X-Keyporter-Scopes: file.write", "X_Keyporter_App: evil", "DPoP: evil", "d_pop: evil"))
		for _, want := range []string{
			"X-Keyporter-App: " + string(w.app.ID) + "\r\n", "X-Keyporter-Scopes: file.read\r\n", "X-Keyporter-User: " + string(w.ada.ID) + "\r\n",
			"X-Keyporter-Credential-Kind: access_token\r\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		if strings.Contains(got, secret) || strings.Contains(got, "evil") || strings.Contains(got, "file.write") {
			t.Errorf("the API got\n%s", got)
		}
	}
}

// TestChallengesOfAccessTokens expects everything a client needs to continue (RFC 6750 §3, RFC
// 9728 §5.1, RFC 9449 §7.1).
func TestChallengesOfAccessTokens(t *testing.T) {
	t.Parallel()
	w := newAppWorld(t)
	bearer := "Authorization: Bearer " + w.issue(t, keyporter.AccessToken{Scopes: []string{"file.read"}}).Reveal()
	another := "Authorization: Bearer " + w.issue(t, keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{"https://x.example"}}).Reveal()
	bound := w.issue(t, keyporter.AccessToken{Scopes: []string{"file.write"}, KeyHash: w.key.Hash()}).Reveal()
	const metadata = `, resource_metadata="https://drive.example/.well-known/oauth-protected-resource/v1"`
	const algs = `, algs="ES256 EdDSA PS256 RS256"`
	for _, c := range []struct {
		request, header string
		status          int
		challenge       string
	}{
		{"GET /drive/1", "X: y", 401, `Bearer realm="keyporter", scope="file.read"` + metadata},
		{"POST /drive/1", bearer, 403, `Bearer realm="keyporter", error="insufficient_scope", error_description="The token doesn't have the scope this call needs.", scope="file.write"` + metadata},
		{"GET /drive/1", another, 401, `Bearer realm="keyporter", error="invalid_token", error_description="This token is for another API."` + metadata},
		{"GET /drive/1", "Authorization: Bearer kpa_x", 401, `Bearer realm="keyporter", error="invalid_token", error_description="The token is not valid."` + metadata},
		{"GET /drive/1", "Authorization: DPoP kpa_x", 401, `DPoP realm="keyporter", error="invalid_token", error_description="The token is not valid."` + algs + metadata},
		{"GET /drive/1", "Authorization: DPoP " + w.secret, 401, `Bearer realm="keyporter", error="invalid_token", error_description="This token is not bound to a key. Send it with the Bearer scheme."` + metadata},
		{"GET /drive/1", "Authorization: Bearer " + bound, 401, `DPoP realm="keyporter", error="invalid_token", error_description="This token is bound to a key. Send it with the DPoP scheme and a proof."` + algs + metadata},
		{"GET /drive/1", "Authorization: DPoP " + bound, 401, `DPoP realm="keyporter", error="invalid_dpop_proof", error_description="The DPoP proof is missing, was used before, or doesn't match this call, this token, or the current time."` + algs + metadata},
		{"GET /other/1", bearer, 200, ""},
		{"GET /other/1", another, 401, `Bearer realm="keyporter", error="invalid_token", error_description="This token is for another API."`},
		{"GET /other/1", "X: y", 401, `Bearer realm="keyporter"`},
	} {
		res := w.raw(t, c.request+" HTTP/1.1\nHost: localhost\nConnection: close\n"+c.header+"\n\n")
		if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != c.status || got != c.challenge {
			t.Errorf("%s with %.25s: %d\n%s\n%s", c.request, c.header, res.StatusCode, got, c.challenge)
		}
	}
}

// TestAnAPIWithAResourceHasMetadata reads it at the address in the challenges (RFC 9728 §3).
func TestAnAPIWithAResourceHasMetadata(t *testing.T) {
	t.Parallel()
	w := newAppWorld(t)
	for _, c := range []struct {
		path, host string
		status     int
	}{
		{"/.well-known/oauth-protected-resource/v1", "drive.example", 200},
		{"/.well-known/oauth-protected-resource/v1/", "Drive.Example", 200},
		{"/.well-known/oauth-protected-resource/v1", "behind-a-proxy.example", 200},
		{"/.well-known/oauth-protected-resource", "drive.example", 404},
		{"/.well-known/oauth-protected-resource/v2", "drive.example", 404},
		{"/.well-known/oauth-protected-resource/v1/../v1", "drive.example", 400},
	} {
		res := w.raw(t, "GET "+c.path+" HTTP/1.1\nHost: "+c.host+"\nConnection: close\n\n")
		text := body(t, res)
		if res.StatusCode != c.status {
			t.Errorf("%s at %s: %d %s", c.path, c.host, res.StatusCode, text)
		}
		if c.status != http.StatusOK {
			continue
		}
		var got struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
			Methods  []string `json:"bearer_methods_supported"`
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Resource != "https://drive.example/v1" || strings.Join(got.Servers, " ") != "https://keys.example" ||
			strings.Join(got.Scopes, " ") != "file.read file.write" || strings.Join(got.Methods, " ") != "header" || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s at %s: %v %s", c.path, c.host, err, text)
		}
	}
	// An API with its own hosts may serve its own metadata there.
	if got := body(t, w.raw(t, "GET /.well-known/oauth-protected-resource/v1 HTTP/1.1\nHost: hosted.example\nConnection: close\n\n")); !strings.HasPrefix(got, "GET /.well-known") {
		t.Errorf("the hosted API is described as another: %s", got)
	}
	if res := w.raw(t, "POST /.well-known/oauth-protected-resource/v1 HTTP/1.1\nHost: drive.example\nContent-Length: 0\nConnection: close\n\n"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

// TestAProofNamesAnAddressOfTheConfiguration has an attacker get proofs that clients made for an
// address of theirs, and relay the calls with its name in every header that can have one.
func TestAProofNamesAnAddressOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newAppWorld(t, "127.0.0.1")
	secret := w.issue(t, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: w.key.Hash()})
	for _, c := range []struct {
		htu, host, path string
		allowed         bool
	}{
		{"https://drive.example/drive/1", "localhost", "/drive/1?a=b", true}, // its resource
		{"HTTPS://Drive.example:443/drive/%31?c=d", "evil.example", "/drive/1", true},
		{"https://keys.example/drive/1", "keys.example", "/drive/1", true}, // it is there, too
		{"https://evil.example/drive/1", "evil.example", "/drive/1", false},
		{"http://evil.example/drive/1", "evil.example", "/drive/1", false},
		{"http://drive.example/drive/1", "drive.example", "/drive/1", false},
		{"https://drive.example:8443/drive/1", "drive.example:8443", "/drive/1", false},
		{"https://drive.example/drive/2", "drive.example", "/drive/1", false},
		{"https://drive.example/drive%2F1", "drive.example", "/drive/1", false},
		{"https://keys.example/other/1", "keys.example", "/other/1", true}, // an API without a resource
		{"https://drive.example/other/1", "drive.example", "/other/1", false},
		{"https://evil.example/other/1", "evil.example", "/other/1", false},
		{"https://hosted.example/x", "hosted.example", "/x", true}, // an API with hosts
		{"https://keys.example/x", "hosted.example", "/x", false},
		{"https://hosted.example:8443/x", "hosted.example:8443", "/x", false},
	} {
		scheme, _, _ := strings.Cut(c.htu, ":")
		about := "X-Forwarded-Proto: " + scheme + "\nX-Forwarded-Host: " + c.host + "\nX-Forwarded-Port: 8443\n"
		for door, head := range map[string]string{
			"the gateway": c.path + " HTTP/1.1\nHost: " + c.host + "\n" + about,
			"/verify":     "/verify HTTP/1.1\nHost: keys.example\nX-Forwarded-Method: GET\nX-Forwarded-Uri: " + c.path + "\n" + about,
			"its address": "/verify HTTP/1.1\nHost: keys.example\nX-Original-Method: GET\nX-Original-Url: " + scheme + "://" + c.host + c.path + "\n",
			"Envoy":       "/verify/envoy" + c.path + " HTTP/1.1\nHost: " + c.host + "\nX-Forwarded-Proto: " + scheme + "\n",
		} {
			proof := w.key.Proof("GET", c.htu, secret, time.Now())
			request := "GET " + head + "Authorization: DPoP " + secret.Reveal() + "\nDPoP: " + proof + "\nConnection: close\n\n"
			res := w.raw(t, request)
			if got := body(t, res); (res.StatusCode == http.StatusOK) != c.allowed || strings.Contains(got, proof) || strings.Contains(got, secret.Reveal()) {
				t.Errorf("%s: %s at %s, proved for %s: %d\n%s", door, c.path, c.host, c.htu, res.StatusCode, got)
			}
			if again := w.raw(t, request); again.StatusCode == http.StatusOK {
				t.Errorf("%s: the same proof is good for two calls", door)
			}
		}
	}
}
