package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestNginx runs a real nginx with the example configuration that people copy.
func TestNginx(t *testing.T) {
	t.Parallel()
	app := newAppWorld(t, "127.0.0.1")
	w := app.world
	api := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(api.Close)
	front := keyportertest.StartNginx(t, keyportertest.Example(t, "../examples/nginx/keyporter.conf", strings.TrimPrefix(w.url, "http://"), strings.TrimPrefix(api.URL, "http://")))
	token := "ApiToken: " + w.secret
	behind := *w
	behind.url = "http://" + front

	res := behind.get(t, "/Api/v6/x?q=1", token, "X-Keyporter-User: evil", "x-keyporter-actor: evil", "X_Keyporter_Login: evil", "X-Keyporter-Scopes: evil",
		"X-Forwarded-Uri: /Api/v4/version", "X-Original-Url: /Api/v4/version", "X-Forwarded-Host: evil", "UserLoginName: ada@acme.example")
	got := body(t, res)
	if res.StatusCode != http.StatusOK || !strings.Contains(got, "GET /Api/v6/x?q=1\n") || !strings.Contains(got, "X-Keyporter-Login: ada@acme.example\r\n") ||
		strings.Contains(got, w.secret) || strings.Contains(got, "X-Keyporter-User: evil") || strings.Contains(got, "Actor") || strings.Contains(got, "Scopes") {
		t.Errorf("%s\n%s", res.Status, got)
	}
	for _, c := range []struct {
		path, header string
		status       int
		challenge    string
	}{
		{"/Api/v6/x", "X: y", 401, `Bearer realm="keyporter"`},
		{"/Api/v6/x", "ApiToken: kpu_x", 401, `error="invalid_token", error_description="The token is not valid."`},
		{"/Api/v6/x", "X-Keyporter-User: " + string(w.ada.ID), 401, `Bearer realm="keyporter"`},
		{"/Api/v4/version", "X: y", 200, ""},
		{"/Api/v4/version/../authorization", "X: y", 400, `error="invalid_request"`},
		{"/keyporter", token, 404, ""},
	} {
		res := behind.get(t, c.path, c.header)
		if res.StatusCode != c.status || !strings.Contains(res.Header.Get("WWW-Authenticate"), c.challenge) {
			t.Errorf("%s with %.20s: %d, %s", c.path, c.header, res.StatusCode, res.Header.Get("WWW-Authenticate"))
		}
	}
	askAsApp(t, &app, &behind)
	if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), w.token.ID); err != nil {
		t.Fatal(err)
	}
	if res := behind.get(t, "/Api/v6/x", token); res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), "switched off") {
		t.Errorf("after a disable: %d, %s", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
}

// askAsApp calls with an access token bound to a key.
func askAsApp(t *testing.T, app *appWorld, behind *world) {
	t.Helper()
	secret := app.issue(t, keyporter.AccessToken{Scopes: []string{"file.read"}, KeyHash: app.key.Hash()})
	token := "Authorization: DPoP " + secret.Reveal()
	proof := "DPoP: " + app.key.Proof("GET", "https://drive.example/drive/1", secret, time.Now())
	got := body(t, behind.get(t, "/drive/1?q=1", token, proof, "X-Forwarded-Proto: https", "X-Forwarded-Port: 1"))
	if !strings.Contains(got, "X-Keyporter-App: "+string(app.app.ID)+"\r\n") || !strings.Contains(got, "X-Keyporter-Scopes: file.read\r\n") || strings.Contains(got, "Dpop") {
		t.Errorf("the API got\n%s", got)
	}
	const metadata = `resource_metadata="https://drive.example/.well-known/oauth-protected-resource/v1"`
	if res := behind.get(t, "/drive/1?q=1", token, proof); res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), metadata) {
		t.Errorf("the same proof again: %d, %s", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	if got := body(t, behind.get(t, "/.well-known/oauth-protected-resource/v1", "X: y")); !strings.Contains(got, `"resource":"https://drive.example/v1"`) {
		t.Errorf("described as %s", got)
	}
}
