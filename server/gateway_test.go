package server_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/server"
)

// TestGatewayErrors expects all errors at once, and none with the text in place of the hash.
func TestGatewayErrors(t *testing.T) {
	t.Parallel()
	secret := keyporter.NewSecret(keyporter.SecretGateway)
	file := func(lines ...string) string {
		path := filepath.Join(t.TempDir(), "keyporter.yaml")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(path string) (server.Config, error) {
		return server.Load(path, func(string) string { return "" }, nil)
	}
	hash := fmt.Sprintf("%x", secret.Hash())
	good := []string{"apis: [{name: shop}]", "gateways:", "  - {name: shop-api, secret_sha256: " + hash + ", apis: [shop]}"}
	if cfg, err := load(file(good...)); err != nil || len(cfg.Gateways) != 1 || cfg.Gateways[0].SecretSHA256 != hash || cfg.Gateways[0].APIs[0] != "shop" {
		t.Errorf("%+v, %v", cfg.Gateways, err)
	}
	_, err := load(file(append(
		good,
		"  - {name: shop-api, secret_sha256: "+secret.Reveal()+"}",
		"  - {secret_sha256: "+strings.ToUpper(hash)+", apis: [shop, bakery]}",
		"  - {name: "+strings.Repeat("n", 65)+"}",
		"database: postgres://127.0.0.1/x",
	)...))
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		`gateways[1]: two have the name "shop-api"`, "gateways[1]: secret_sha256 must be 64", "gateways[2]: name must have 1 to 64",
		"gateways[2]: another gateway has this secret", `gateways[2]: "bakery" isn't one of apis`, "gateways[3]: name must", "gateways[3]: secret_sha256 must", "gateways: key_file is missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), secret.Reveal()) || strings.Contains(strings.ToLower(err.Error()), hash) {
		t.Errorf("the error contains a secret or its hash: %v", err)
	}
	if _, err := load(file("gateways:", "  - {name: a, secret: "+secret.Reveal()+"}")); err == nil || strings.Contains(err.Error(), secret.Reveal()) {
		t.Errorf("an unknown setting: %v", err)
	}
}

// TestAnOpenStreamDoesNotDelayStop stops a server while a gateway listens to its stream.
func TestAnOpenStreamDoesNotDelayStop(t *testing.T) {
	t.Parallel()
	secret := keyporter.NewSecret(keyporter.SecretGateway)
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db"),
		Gateways: []server.Gateway{{Name: "shop-api", SecretSHA256: fmt.Sprintf("%x", secret.Hash())}},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/oauth2/introspect/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), "hello") {
		t.Fatal(res.StatusCode, lines.Text(), lines.Err())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Error("the stream was cut off:", lines.Err())
	}
}
