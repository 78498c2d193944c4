package server_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
)

// TestAForgottenProxyIsReported has a proxy that isn't in trusted_proxies come to each door. Someone who looks at the
// log finds the setting to change, and the log can't be filled that way.
func TestAForgottenProxyIsReported(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, header string
		trusted      string
		reported     bool
	}{
		{"/verify", "X-Original-Uri: /x", "none", true},
		{"/verify", "X-Forwarded-Uri: /x", "192.0.2.0/24", true},
		{"/verify/nginx", "X-Original-Uri: /x", "none", true},
		{"/verify/envoy/x", "X-Forwarded-For: 203.0.113.7", "none", true},
		{"/shop/x", "X-Forwarded-For: 203.0.113.7", "none", true},
		{"/shop/x", "Forwarded: for=203.0.113.7", "192.0.2.1", true},
		{"/sign-in", "X-Forwarded-For: 203.0.113.7", "none", true},
		{"/shop/x", "X: y", "none", false},
		{"/verify", "X-Original-Uri: /x", "127.0.0.1", false},
	} {
		t.Run(tt.path+" "+tt.header+" "+tt.trusted, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			s, err := server.Start(t.Context(), server.Config{
				Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db"), TrustedProxies: []string{tt.trusted}, APIs: keyportertest.APIs("http://127.0.0.1:1"),
			}, slog.New(slog.NewTextHandler(&out, nil)), nil)
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Replace(tt.path, "/shop/", "/Api/v6/", 1)
			for range 3 {
				send(t, s, path, "own.example", tt.header)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(tt.header, ":")
			want := map[bool]int{true: 1}[tt.reported]
			if got := out.String(); strings.Count(got, "add it there") != want || tt.reported && !(strings.Contains(got, "trusted_proxies") && strings.Contains(got, "peer=127.0.0.1 header="+name)) {
				t.Errorf("the log says %s", got)
			}
		})
	}
}
