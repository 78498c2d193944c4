package examples_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestNginxServesHTTPS does with each example for nginx what its comment about HTTPS says.
func TestNginxServesHTTPS(t *testing.T) {
	w := newWorld(t)
	certificate, key := keyportertest.Certificate(t, t.TempDir())
	for _, file := range []string{"nginx/keyporter.conf", "nginx/keyporter-cached.conf"} {
		address := keyportertest.FreeAddress(t)
		text := keyportertest.Example(t, file, w.keyporter.Address, w.api.address())
		text = strings.Replace(text, "    listen 8000;\n", "", 1)
		text = strings.NewReplacer("#   listen 443 ssl;", "listen 8000; listen "+address+" ssl;", "#   server_name", "server_name", "#   ssl_", "ssl_",
			"/etc/nginx/api.example.com.crt", certificate, "/etc/nginx/api.example.com.key", key).Replace(text)
		keyportertest.StartNginx(t, text)

		trust := keyportertest.Trust(t, certificate)
		trust.ServerName = "localhost"
		_, port, _ := net.SplitHostPort(address)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+"/shop/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.example.com"
		req.Header.Set("ApiToken", w.secret)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
		t.Cleanup(client.CloseIdleConnections)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("X-Keyporter-Request-Id") == "" {
			t.Errorf("%s: %s %v", file, res.Status, res.Header)
		}
	}
}
