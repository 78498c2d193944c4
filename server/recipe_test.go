package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// behindRecipe returns the address of an nginx as on the page “Run Keyporter”, in front of a Keyporter in front of
// an API.
func behindRecipe(t *testing.T, api http.Handler) string {
	t.Helper()
	upstream := httptest.NewServer(api)
	t.Cleanup(upstream.Close)
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db"),
		APIs: []verify.API{{Name: "shop", Upstream: upstream.URL, Routes: []verify.Route{{Path: "/shop/{rest...}", Public: true}}}},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	page, err := os.ReadFile("../docs/how-to/run.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("the page has %d blocks for nginx", len(blocks))
	}
	recipe := blocks[0][1] + "server { listen 8000;\n" + blocks[1][1] + "}"
	return keyportertest.StartNginx(t, strings.ReplaceAll(recipe, "127.0.0.1:8080", strings.TrimPrefix(s.URL(), "http://")))
}

// TestTheNginxRecipe sends a form from its own page on an unusual port, and asks for a broken-off answer and a WebSocket.
func TestTheNginxRecipe(t *testing.T) {
	t.Parallel()
	front := behindRecipe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		fmt.Fprint(w, "the first half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	ask := func(head string) *http.Response {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", front)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		fmt.Fprintf(conn, "%s\r\nHost: %s\r\n\r\n", head, front)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	if res := ask("POST /sign-in HTTP/1.1\r\nContent-Length: 0\r\nOrigin: http://" + front); res.StatusCode == http.StatusForbidden {
		t.Error("the form is taken for one of another site")
	}
	if res := ask("GET /shop/live HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="); res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a WebSocket: %s", res.Status)
	}
	if got, err := io.ReadAll(ask("GET /shop/list HTTP/1.1").Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken-off answer is %q, %v", got, err)
	}
}
