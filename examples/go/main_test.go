package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// TestTheExample calls the API's paths with a user's token and an app's.
func TestTheExample(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	secret := keyporter.NewSecret(keyporter.SecretGateway)
	s := n.AuthServer(t, keyportertest.Gateway(secret))
	ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, mine := keyportertest.Token(t, n.Control, ada, "Orders")
	_, apps := n.AccessToken(t, n.Connect(t, ada, n.AppWith(t, "orders.read"), "orders.read"), keyporter.AccessToken{Scopes: []string{"orders.read"}})
	keys, err := client.New(client.Config{Address: s.URL, Secret: secret.Reveal(), API: "esign", Mode: client.Decide})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	h := api(keys)
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/orders", mine.Reveal(), 200},
		{"POST", "/orders", mine.Reveal(), 200},
		{"GET", "/reports", mine.Reveal(), 200},
		{"GET", "/orders", apps.Reveal(), 200},
		{"POST", "/orders", apps.Reveal(), 403},
		{"GET", "/reports", apps.Reveal(), 403},
		{"GET", "/orders", "", 401},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("ApiToken", c.token)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != c.status || rec.Code == http.StatusOK && !strings.HasSuffix(rec.Body.String(), " for ada@acme.example\n") {
			t.Errorf("%s %s: %d %s", c.method, c.path, rec.Code, rec.Body)
		}
	}
}
