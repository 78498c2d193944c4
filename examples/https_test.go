package examples_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestNginxServesHTTPS does with each example for nginx what its comment about HTTPS says.
func TestNginxServesHTTPS(t *testing.T) {
	w := newWorld(t)
	for _, file := range nginxExamples() {
		f := secureNginx(t, w, file)
		res, err := f.client.Do(f.request(t, http.MethodGet, "/shop/1"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 || res.Header.Get("X-Keyporter-Request-Id") == "" {
			t.Errorf("%s: %s %s %v", file, res.Proto, res.Status, res.Header)
		}
	}
}

func nginxExamples() []string {
	return []string{"nginx/keyporter.conf", "nginx/keyporter-cached.conf"}
}

// secureFront is an nginx that serves HTTPS.
type secureFront struct {
	address, secret string
	client          *http.Client // speaks HTTP/2
}

func (f secureFront) request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+f.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "api.example.com"
	r.Header.Set("Apitoken", f.secret)
	return r
}

// secureNginx starts nginx with an example whose lines about HTTPS are in place, and with HTTP/2.
func secureNginx(t *testing.T, w *world, file string) secureFront {
	t.Helper()
	certificate, key := keyportertest.Certificate(t, t.TempDir())
	address := keyportertest.FreeAddress(t)
	text := keyportertest.Example(t, file, w.keyporter.Address, w.api.address())
	text = strings.Replace(text, "    listen 8000;\n", "", 1)
	text = strings.NewReplacer("#   listen 443 ssl;", "listen 8000; listen "+address+" ssl http2;", "#   server_name", "server_name", "#   ssl_", "ssl_",
		"/etc/nginx/api.example.com.crt", certificate, "/etc/nginx/api.example.com.key", key).Replace(text)
	keyportertest.StartNginx(t, text)
	trust := keyportertest.Trust(t, certificate)
	trust.ServerName = "localhost"
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8}}
	t.Cleanup(client.CloseIdleConnections)
	return secureFront{address, w.secret, client}
}
