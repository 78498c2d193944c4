package server_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/keyporter/keyporter/server"
)

func TestAppsFindTheServer(t *testing.T) {
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	for path, want := range map[string]int{
		"/.well-known/openid-configuration": 200, "/.well-known/oauth-authorization-server": 200, "/oauth2/jwks": 200,
		"/oauth2/authorize": 400, "/auth/authorize": 400, "/oauth2/token": 405, "/ApiToken/Retrieve": 405, "/oauth2/register": 404,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		_ = json.NewDecoder(res.Body).Decode(&doc)
		_ = res.Body.Close()
		if res.StatusCode != want || want == 200 && doc["keys"] == nil && doc["issuer"] != s.URL() {
			t.Errorf("%s: %d %v", path, res.StatusCode, doc)
		}
		if want != 200 && res.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s can be framed", path)
		}
	}
}
