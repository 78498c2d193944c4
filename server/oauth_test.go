package server_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/server"
)

// TestAWrongKeyIsNoticedAtStart starts with a new key_file after the old one was lost. The new key
// can't open anything.
func TestAWrongKeyIsNoticedAtStart(t *testing.T) {
	t.Parallel()
	cfg := server.Config{Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db")}
	start := func() error {
		s, err := server.Start(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			return err
		}
		get(t, s.URL()+"/oauth2/jwks") // makes keys and seals them
		return s.Stop(t.Context())
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Fatalf("the second start: %v", err)
	}
	if err := os.Remove(cfg.Database + ".key"); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "key_file") {
		t.Errorf("with another key: %v", err)
	}
}

func get(t *testing.T, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestAppsFindTheServer(t *testing.T) {
	t.Parallel()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	for path, want := range map[string]int{
		"/.well-known/openid-configuration": 200, "/.well-known/oauth-authorization-server": 200, "/oauth2/jwks": 200,
		"/oauth2/authorize": 400, "/auth/authorize": 400, "/oauth2/token": 405, "/ApiToken/Retrieve": 405, "/oauth2/register": 404,
	} {
		res := get(t, s.URL()+path)
		var doc map[string]any
		_ = json.NewDecoder(res.Body).Decode(&doc)
		if res.StatusCode != want || want == 200 && doc["keys"] == nil && doc["issuer"] != s.URL() {
			t.Errorf("%s: %d %v", path, res.StatusCode, doc)
		}
		if want != 200 && res.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s can be framed", path)
		}
	}
}
