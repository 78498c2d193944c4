package server_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// hardened starts a server with HTTPS, an API on the console's origin, and one on a host of its
// own. Both send a header that only the second may decide about.
func hardened(t *testing.T) (*server.Server, *tls.Config) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=0")
	}))
	t.Cleanup(api.Close)
	dir := t.TempDir()
	certificate, key := keyportertest.Certificate(t, dir)
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(dir, "keyporter.db"), TLSCertificate: certificate, TLSKey: key,
		APIs: []verify.API{
			{Name: "shop", Upstream: api.URL, Resource: "https://localhost/shop", Routes: []verify.Route{{Path: "/shop/public", Public: true}, {Path: "/shop/{rest...}"}}},
			{Name: "own", Upstream: api.URL, Hosts: []string{"api.example.com"}, Routes: []verify.Route{{Path: "/public", Public: true}, {Path: "/{rest...}"}}},
		},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	return s, keyportertest.Trust(t, certificate)
}

func TestEveryAnswerIsHardened(t *testing.T) {
	t.Parallel()
	s, trust := hardened(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	const year, page = "max-age=31536000", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for _, c := range []struct {
		host, path     string
		transport, csp string
		sniff          string
	}{
		{"", "/sign-in", year, page, "nosniff"},
		{"", "/no-such-page", year, page, "nosniff"},
		{"", "/tokens", year, page, "nosniff"},
		{"", "/static/console.css", year, page, "nosniff"},
		{"", "/healthz", year, page, "nosniff"},
		{"", "/.well-known/openid-configuration", year, page, "nosniff"},
		{"", "/oauth2/token", year, page, "nosniff"},
		{"", "/oauth2/introspect", year, page, "nosniff"},
		{"", "/.well-known/oauth-protected-resource/shop", year, "", ""},
		{"", "/verify", year, "", "nosniff"},
		{"", "/shop/orders", year, "", "nosniff"},
		{"api.example.com", "/orders", year, "", "nosniff"},
		{"", "/shop/public", year, "sandbox", ""},
		{"api.example.com", "/public", "max-age=0", "", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		h := res.Header
		if strings.Join(h["Strict-Transport-Security"], "|") != c.transport || strings.Join(h["Content-Security-Policy"], "|") != c.csp || h.Get("X-Content-Type-Options") != c.sniff {
			t.Errorf("%s%s: %d with %q, %q, %q", c.host, c.path, res.StatusCode, h["Strict-Transport-Security"], h["Content-Security-Policy"], h["X-Content-Type-Options"])
		}
		if c.csp == page && (h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != "same-origin") {
			t.Errorf("%s: %v", c.path, h)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	s, trust := hardened(t)
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	for version, accepted := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		cfg := trust.Clone()
		cfg.MinVersion, cfg.MaxVersion = version, version
		conn, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", at.Host)
		if (err == nil) != accepted {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// TestUnfinishedHeadersAreCutOff begins a request and never ends it.
func TestUnfinishedHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop(t.Context()) }()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
		t.Error("the client still holds the connection after a minute")
	}
}

func TestTheDatabaseFileIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Database: filepath.Join(dir, "keyporter.db")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop(t.Context()) }()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 { // with the side files of SQLite
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has the mode %v, %v", info.Mode(), err)
	}
}

// TestAnHTTPSAddressInCapitalsIsHTTPS expects cookies to be Secure however the scheme is written.
func TestAnHTTPSAddressInCapitalsIsHTTPS(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"HTTPS://keys.example": "max-age=", "https://keys.example": "max-age=", "http://keys.example": ""} {
		s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Address: address, Database: filepath.Join(t.TempDir(), "keyporter.db")}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop(t.Context()) })
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/sign-in", nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Get("Strict-Transport-Security"); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: Strict-Transport-Security is %q", address, got)
		}
	}
}
