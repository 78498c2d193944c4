package server_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestNothingFollowsAnUnclearEnd has an attacker who shares a connection with others, because all of them come
// through the same proxy. They send a request whose end that proxy and Keyporter may see at different places
// (RFC 9112 §6.1), and another one after it.
func TestNothingFollowsAnUnclearEnd(t *testing.T) {
	t.Parallel()
	s := routed(t)
	const next = "GET /healthz HTTP/1.1\r\nHost: own.example\r\n\r\n"
	for name, request := range map[string]string{
		"chunks and a length":    "HTTP/1.1\r\nHost: own.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a length and chunks":    "HTTP/1.1\r\nHost: own.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":     "HTTP/1.0\r\nHost: own.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"both in HTTP/1.0":       "HTTP/1.0\r\nHost: own.example\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an upgrade in HTTP/1.0": "HTTP/1.0\r\nHost: own.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		for _, path := range []string{"/Api/v5/open/x", "/Api/v5/open/hint", "/Api/v5/secret", "/Soap.asmx", "/verify", "/verify/nginx", "/verify/envoy/x", "/healthz", "/sign-in", "/nowhere", "/oauth2/token", "/oauth2/introspect", "*"} {
			t.Run(name+" "+path, func(t *testing.T) {
				t.Parallel()
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				method := "POST"
				if path == "*" {
					method = "OPTIONS"
				}
				_, _ = fmt.Fprintf(conn, "%s %s %s%s", method, path, request, next)
				text, err := io.ReadAll(conn)
				answers := strings.ReplaceAll(string(text), "HTTP/1.1 103 ", "")
				if n := strings.Count(answers, "HTTP/1."); err != nil || n != 1 || !strings.Contains(answers, "\r\nConnection: close\r\n") {
					t.Errorf("%d answers, %v\n%s", n, err, text)
				}
			})
		}
	}
}
