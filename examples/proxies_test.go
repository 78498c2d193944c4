// Package examples_test runs the proxies that people put in front of their APIs, with the example
// configurations that they copy.
package examples_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// row is a call and its expected outcome at every proxy.
type row struct {
	name    string
	line    string
	headers []string
	status  int

	challenge string // a part of WWW-Authenticate
	body      string // a part of what the client gets if the call is refused
	api       string // a part of what the API gets if the call is allowed
}

func rows(w *world) []row {
	token, ada := "ApiToken: "+w.secret, "X-Keyporter-Login: ada@acme.example\r\n"
	company := "OrganizationKey: " + w.company
	const bare, invalid, request = `Bearer realm="keyporter"`, `error="invalid_token"`, `error="invalid_request"`
	all := []row{
		{"a valid token", "GET /shop/1?q=1", []string{token}, 200, "", "", "GET /shop/1?q=1\n"},
		{"a good token, and the user it acts for", "GET /shop/1?q=1", []string{token}, 200, "", "", ada},
		{"as a bearer token", "DELETE /shop/1", []string{"Authorization: Bearer " + w.secret}, 200, "", "", ada},
		{"a path in UTF-8", "GET /shop/%C3%A4%20b?x=%2F..;", []string{token}, 200, "", "", "GET /shop/%C3%A4%20b?x=%2F..;\n"},
		{"a body", "POST /shop/1", []string{token, "Content-Length: 2", "", "hi"}, 200, "", "", "2 bytes <nil>"},
		{"a body in chunks", "PUT /shop/1", []string{token, "Transfer-Encoding: chunked", "", "2", "hi", "0", ""}, 200, "", "", "2 bytes <nil>"},
		{"only the head", "HEAD /shop/1", []string{token}, 200, "", "", ""},
		{"a public path", "GET /shop/public", nil, 200, "", "", "GET /shop/public\n"},
		{"an organization token and a login name", "GET /Api/v5/x", []string{company, "UserLoginName: ada@acme.example"}, 200, "", "", "X-Keyporter-Actor: " + string(w.ada.ID)},

		{"no token", "GET /shop/1", nil, 401, bare, `"status":401`, ""},
		{"no token, and a body", "POST /shop/1", []string{"Content-Length: 2", "", "hi"}, 401, bare, `"code":"credential.missing"`, ""},
		{"a token with a typo", "GET /shop/1", []string{token + "x"}, 401, invalid, `"detail":"The token is not valid."`, ""},
		{"a token that is switched off", "GET /shop/1", []string{"ApiToken: " + w.disabled}, 401, "switched off", `"code":"token.disabled"`, ""},
		{"two tokens", "GET /shop/1", []string{token, "Authorization: Bearer " + w.company}, 400, request, `"code":"credential.ambiguous"`, ""},
		{"an API that takes no such token", "GET /Api/v6/x", []string{company, "UserLoginName: ada@acme.example"}, 403, `error="insufficient_scope"`, `"ErrorId":"ERR0010"`, ""},
		{"an API whose 401 is empty", "GET /Api/v4/x", nil, 401, bare, "", ""},
		{"no API", "GET /nowhere", []string{token}, 404, "", `"code":"path.unknown"`, ""},
		{"a public path by another method", "POST /shop/public", []string{"Content-Length: 0"}, 401, bare, `"status":401`, ""},

		{"a forged identity, and no token", "GET /shop/1", forged("X-Keyporter-User: evil"), 401, bare, `"status":401`, ""},
		{"a forged path", "GET /shop/1", []string{"X-Forwarded-Uri: /shop/public", "X-Forwarded-Method: GET", "X-Original-Uri: /shop/public", "X-Original-Url: /shop/public"}, 401, bare, `"status":401`, ""},
		{"two forged paths", "GET /shop/1", []string{"X-Forwarded-Uri: /shop/public", "X-Forwarded-Uri: /shop/public"}, 401, bare, `"status":401`, ""},
		{"a forged method", "POST /shop/public", []string{"Content-Length: 0", "X-Forwarded-Method: GET", "X-Http-Method-Override: GET", "X-Original-Method: GET"}, 401, bare, `"status":401`, ""},
	}
	for _, path := range []string{"/shop//1", "/shop/./1", "/shop/../shop/1", "/shop/%2e%2e/shop/1", "/shop/a%2Fb", "/shop/a;b", "/shop/%5c1", "/shop/%251"} {
		all = append(all, row{"a path of two readings, " + path, "GET " + path, []string{token}, 400, request, `"code":"path.ambiguous"`, ""})
	}
	for _, h := range forged() {
		all = append(all, row{"forged: " + h, "GET /shop/1", []string{h, token}, 200, "", "", ada})
	}
	all = append(all, row{"forged: all at once", "GET /shop/1", forged(token), 200, "", "", ada})
	return all
}

// forged returns headers in which a client claims to be someone or somewhere else.
func forged(more ...string) []string {
	for _, name := range keyporter.OverrideHeaderNames() {
		more = append(more, name+": evil")
	}
	return append([]string{
		"Content_Length: evil", "Content.Length: evil", "Transfer_Encoding: evil", "X_Forwarded_For: evil", "Some_Header: evil", "X_Override_Method: evil",
		"X-Keyporter-User: evil", "x-keyporter-login: evil", "X-KEYPORTER-ACTOR: evil", "X-Keyporter-App: evil", "X-Keyporter-Scopes: evil", "X-Keyporter-Organization: evil",
		"X_Keyporter_User: evil", "X-Keyporter_Login: evil", "x_keyporter-actor: evil", "X.Keyporter.Scopes: evil", "X-Keyporter-Credential-Kind: evil", "X-Keyporter-Credential: evil",
		"X-Keyporter-User: evil\nX-Keyporter-User: evil", "X-Keyporter-Request-Id: evil", "Connection: X-Keyporter-User, x-keyporter-login",
		"X-Original-Url: /evil", "X-Rewrite-Url: /evil", "X-Http-Method-Override: EVIL", "X_Original_Url: /evil", "X_HTTP_Method_Override: EVIL", "X-Original-Uri: /evil",
		"X-Forwarded-For: evil", "X-Forwarded-Host: evil", "X-Forwarded-Proto: evil", "X-Forwarded-Prefix: /evil", "X-Forwarded-Uri: /evil", "X-Real-Ip: evil", "Forwarded: for=evil",
		"Proxy: evil", "X-Client-Ip: evil", "X-Cluster-Client-Ip: evil", "True-Client-Ip: evil", "Cf-Connecting-Ip: evil", "Fastly-Client-Ip: evil", "Fly-Client-Ip: evil", "X-Envoy-External-Address: evil",
	}, more...)
}

// TestProxies shows the outcome of calls through each proxy with its example. Its output has a
// table of what was sent and what came back.
func TestProxies(t *testing.T) {
	w := newWorld(t)
	fronts, table := w.fronts(t), rows(w)
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			var out strings.Builder
			tab := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tab, "WHAT\tSENT\tCAME BACK\tWWW-AUTHENTICATE")
			for _, r := range table {
				before := w.api.calls.Load()
				got := send(t, f.address, r.line, r.headers...)
				challenge := got.header.Get("WWW-Authenticate")
				fmt.Fprintf(tab, "%s\t%s\t%d\t%.60s\n", strings.ReplaceAll(r.name, "\n", ", "), r.line, got.status, challenge)
				for _, fault := range w.faults(f, r, got, w.api.calls.Load()-before) {
					t.Errorf("%s: %s\n%d %v\n%s", r.name, fault, got.status, got.header, got.body)
				}
			}
			_ = tab.Flush()
			t.Logf("%s\n%s", f.name, out.String())
		})
	}
}

// faults returns what is wrong with an answer to r.
func (w *world) faults(f front, r row, got answer, calls int64) (all []string) {
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	bad(got.status != r.status, "status %d, want %d", got.status, r.status)
	bad((calls == 1) != (r.status == http.StatusOK), "the API got %d calls", calls)
	bad(!strings.Contains(got.body, r.api+r.body), "want %q", r.api+r.body)
	if r.status != http.StatusOK {
		bad(!strings.Contains(got.header.Get("WWW-Authenticate"), r.challenge), "the client isn't challenged by %s", r.challenge)
		bad(got.header.Get("X-Keyporter-Request-Id") == "", "the client gets no request id")
		bad(strings.HasPrefix(r.body, `"status"`) && got.header.Get("Content-Type") != "application/problem+json", "the client can't know what the body is")
		bad(r.body == "" && got.body != "", "the client gets a body")
		return all
	}
	for line := range strings.SplitSeq(got.body, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		bad(strings.Contains(strings.ToLower(line), "evil"), "the API gets %q", line)
		bad(strings.HasPrefix(name, "X-Keyporter-") && value == "", "the API gets an empty %s", name)
	}
	bad(strings.Contains(got.body, w.secret) || strings.Contains(got.body, w.company) || strings.Contains(strings.ToLower(got.body), "userloginname"), "the API gets a credential")
	for _, name := range []string{"User", "Login", "Request-Id"} {
		bad(r.api != "" && !strings.Contains(r.line, "public") && strings.Count(got.body, "X-Keyporter-"+name+": ") != 1, "the API doesn't get exactly one %s", name)
	}
	if old := strings.Contains(r.api, "Actor"); !f.silent {
		bad((got.header.Get("Deprecation") != "") != old, "Deprecation: %q", got.header.Get("Deprecation"))
		bad(got.header.Get("X-Keyporter-Request-Id") == "", "the client gets no request id")
	}
	return all
}

// TestNoProxyOpensATunnel asks to upgrade to another protocol. An API that switches to HTTP/2 in
// clear text would accept more calls through the same connection, with forged headers that nobody
// checks.
func TestNoProxyOpensATunnel(t *testing.T) {
	w := newWorld(t)
	for _, f := range w.fronts(t) {
		for _, protocol := range []string{"h2c", "H2C", "websocket", "h2c, websocket", "websocket, h2c", "h2c\nUpgrade: websocket", "TLS/1.0"} {
			got := exchange(t, f.address, "GET /shop/1 HTTP/1.1\nHost: api.example\nConnection: Upgrade, HTTP2-Settings, close\nUpgrade: "+protocol+"\nHTTP2-Settings: AAMAAABkAAQAAP__\nApiToken: "+w.secret+"\n\n")
			// Caddy allows WebSockets.
			passed := strings.Replace(got.body, "\nUpgrade: websocket\r\n", "\n", 1)
			if got.status != http.StatusOK || strings.Contains(passed, "Upgrade:") {
				t.Errorf("%s, %s: %d\n%s", f.name, protocol, got.status, got.body)
			}
		}
	}
}

// TestABodyStreamsThroughEachProxy sends 100 MB, but never more than 8 MB that the API hasn't read,
// so no proxy can wait for the whole body. Keyporter must get none of it.
func TestABodyStreamsThroughEachProxy(t *testing.T) {
	const size, step, underway = 100 << 20, 1 << 20, 8 << 20
	w := newWorld(t)
	for _, f := range w.fronts(t) {
		t.Run(f.name, func(t *testing.T) {
			w.api.read.Store(0)
			before := len(w.keyporter.Sent())
			conn, err := net.Dial("tcp", f.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
			fmt.Fprintf(conn, "POST /shop/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nApiToken: %s\r\nContent-Length: %d\r\n\r\n", w.secret, size)
			piece := make([]byte, step)
			for sent := 0; sent < size; sent += step {
				keyportertest.Eventually(t, fmt.Sprintf("of %d bytes the API gets all but %d", sent, underway), func() bool { return int64(sent)-w.api.read.Load() <= underway })
				if _, err := conn.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(answer), fmt.Sprintf("%d bytes <nil>", size)) {
				t.Errorf("%v\n%.500s", err, answer)
			}
			if n := len(w.keyporter.Sent()) - before; n == 0 || n > 4<<10 {
				t.Errorf("Keyporter got %d bytes", n)
			}
		})
	}
}

// TestNoProxyIsOpenWhenKeyporterIsDown also expects no proxy to mistake one call for another.
func TestNoProxyIsOpenWhenKeyporterIsDown(t *testing.T) {
	w := newWorld(t)
	fronts := w.fronts(t)
	for _, f := range fronts {
		if got := send(t, f.address, "GET /shop/1", "ApiToken: "+w.secret); got.status != http.StatusOK {
			t.Fatalf("%s: %d", f.name, got.status)
		}
	}
	w.keyporter.Down()
	before := w.api.calls.Load()
	for _, f := range fronts {
		for _, header := range []string{"ApiToken: " + w.secret, "X: y", "X-Keyporter-User: evil"} {
			got := send(t, f.address, "GET /shop/2", header)
			t.Logf("%s, without Keyporter: %d %s", f.name, got.status, got.body)
			if got.status != f.down || f.down == 503 && got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s with %.12s: %d %v", f.name, header, got.status, got.header)
			}
		}
	}
	if w.api.calls.Load() != before {
		t.Error("the API was called")
	}
}

// TestAPIErrorsReachTheClient expects an API's own 401, 403, and 500 to pass through each proxy,
// and the proxy to answer for an API that is down.
func TestAPIErrorsReachTheClient(t *testing.T) {
	w := newWorld(t)
	fronts := w.fronts(t)
	status := 0
	w.api.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, "the API says so")
	})
	for _, status = range []int{401, 403, 500, 503} {
		for _, f := range fronts {
			if got := send(t, f.address, "GET /shop/1", "ApiToken: "+w.secret); got.status != status || got.body != "the API says so" {
				t.Errorf("%s: %d for the API's %d: %s", f.name, got.status, status, got.body)
			}
		}
	}
	w.api.Close()
	for _, f := range fronts {
		if got := send(t, f.address, "GET /shop/1", "ApiToken: "+w.secret); got.status != http.StatusBadGateway {
			t.Errorf("%s without the API: %d", f.name, got.status)
		}
	}
}

// TestWhoMayAsk sends questions directly to Keyporter.
func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	here := strings.TrimPrefix(w.URL(), "http://")
	for _, r := range []row{
		{name: "no path", headers: nil, status: 400},
		{name: "two paths", headers: []string{"X-Forwarded-Uri: /shop/public", "X-Forwarded-Uri: /shop/1"}, status: 400},
		{name: "two headers for it that differ", headers: []string{"X-Forwarded-Uri: /shop/public", "X-Original-Uri: /shop/1"}, status: 400},
		{name: "two that agree", headers: []string{"X-Forwarded-Uri: /shop/public", "X-Original-Uri: /shop/public", "X-Forwarded-Method: GET"}, status: 200},
	} {
		got := send(t, here, "GET /verify", r.headers...)
		t.Logf("GET /verify with %s: %d %s", r.name, got.status, got.body)
		if got.status != r.status {
			t.Errorf("%s: %d", r.name, got.status)
		}
	}
}

// TestKeyporterSeesWhereTheClientIs has a client claim another address and host beside those that each proxy says.
func TestKeyporterSeesWhereTheClientIs(t *testing.T) {
	w := newWorld(t)
	for _, f := range w.fronts(t) {
		for _, header := range []string{"X: y", "Forwarded: for=203.0.113.9;host=evil.example;proto=https", "X-Forwarded-For: 203.0.113.9", "X-Real-Ip: 203.0.113.9"} {
			conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(t.Context(), "tcp", f.address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, "GET /shop/1 HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nApiToken: %s\r\n%s\r\n\r\n", w.disabled, header)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			_ = conn.Close()
			if err != nil || res.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s with %s: %v, %v", f.name, header, res, err)
			}
			keyportertest.Eventually(t, "the refusal is kept", func() bool {
				call, _, err := w.Control.Refusal(t.Context(), keyporter.Command(), res.Header.Get("X-Keyporter-Request-Id"))
				if err == nil && call.Address != "127.0.0.2" {
					t.Errorf("%s with %s: Keyporter sees %q", f.name, header, call.Address)
				}
				return err == nil
			})
		}
	}
}
