package server_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// routed starts a server in front of an API that says what it got. proxies are trusted.
func routed(t *testing.T, proxies ...string) *server.Server {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hint") {
			w.WriteHeader(http.StatusEarlyHints)
		}
		_, _ = fmt.Fprintf(w, "API: %s for %s", r.RequestURI, r.Header.Get("X-Forwarded-Host"))
	}))
	t.Cleanup(api.Close)
	public, rest := verify.Route{Path: "/Api/{version}/open/{rest...}", Public: true}, verify.Route{Path: "/{rest...}", Public: true}
	s, err := server.Start(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "keyporter.db"), TrustedProxies: proxies,
		APIs: []verify.API{
			{Name: "plain", Upstream: api.URL, Routes: []verify.Route{public, {Path: "/Soap.asmx", SOAP: true}, {Path: "/Api/{version}/{rest...}", Versions: "1-5", Refusals: verify.RefuseEmpty}, {Path: "/Api/{version}/{rest...}", Refusals: verify.RefuseError}}},
			{Name: "hosted", Upstream: api.URL, Hosts: []string{"api.example"}, Resource: "https://api.example/", Routes: []verify.Route{rest}},
			{Name: "asked", Hosts: []string{"asked.example"}, Routes: []verify.Route{rest}},
		},
	}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	return s
}

// send sends a request line and headers as they are, and returns the status and the body.
func send(t *testing.T, s *server.Server, path, host string, headers ...string) (status int, body string) {
	t.Helper()
	return sendLine(t, s, "GET "+path, host, headers...)
}

func sendLine(t *testing.T, s *server.Server, line, host string, headers ...string) (status int, body string) {
	t.Helper()
	return sendTo(t, strings.TrimPrefix(s.URL(), "http://"), line, host, headers...)
}

func sendTo(t *testing.T, address, line, host string, headers ...string) (status int, body string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", line, host)
	for _, h := range headers {
		_, _ = fmt.Fprintf(conn, "%s\r\n", h)
	}
	_, _ = io.WriteString(conn, "\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// TestTheProxyFoldsEmptySegments expects a path with doubled slashes to be checked and passed on without
// them, and any other door to refuse it as the API's clients know refusals.
func TestTheProxyFoldsEmptySegments(t *testing.T) {
	t.Parallel()
	s := routed(t)
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"//Api//v5///open//x//?q=//a", 200, "API: /Api/v5/open/x/?q=//a for own.example"},
		{"http://own.example//Api/v5//open/x?a=//b", 200, "API: /Api/v5/open/x?a=//b for own.example"},
		{"http://own.example//healthz", 404, ""},
		{"//Api/v5/open/a%20b", 200, "API: /Api/v5/open/a%20b for own.example"},
		{"/Api/v5/open/a%28b//c(d)", 200, "API: /Api/v5/open/a%28b/c(d) for own.example"},
		{"/Api//v5/secret", 401, ""},
		{"/Api/v5/open/%2f/x", 400, ""},
		{"/Api/v5//open/%2F%2Fx", 400, ""},
		{"/Api/v6//items/..//x", 400, "ERR"},
		{"//Soap.asmx?WSDL", 200, "wsdl:definitions"},
		{"/Soap%2f.asmx", 404, ""},
		{"//verify", 404, ""},
		{"//healthz", 404, ""},
	} {
		if status, body := send(t, s, tt.path, "own.example"); status != tt.status || !strings.Contains(body, tt.body) || tt.body == "" && strings.Contains(body, "API:") {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
	}
	for path, want := range map[string]string{"/Api//v5/open/x": "400 ", "//Api/v6/items/x": `400 {"ErrorId"`, "/Api/v6/open/x": "200 "} {
		status, body := send(t, s, "/verify", "own.example", "X-Forwarded-Uri: "+path, "X-Forwarded-Method: GET")
		envoy, text := send(t, s, "/verify/envoy"+path, "own.example")
		if got := fmt.Sprintf("%d %s", status, body); !strings.HasPrefix(got, want) || envoy != status || text[:min(len(text), 9)] != body[:min(len(body), 9)] {
			t.Errorf("/verify about %s: %s, Envoy: %d %s", path, got, envoy, text)
		}
	}
}

// TestWhatBelongsToAnAPIsHostIsTheAPIs has an attacker behind a proxy that only ends TLS. They must not get
// a 200 that the API didn't send.
func TestWhatBelongsToAnAPIsHostIsTheAPIs(t *testing.T) {
	t.Parallel()
	s := routed(t)
	for _, host := range []string{"api.example", "API.example:443", "own.example\r\nX-Forwarded-Host: api.example", "own.example\r\nForwarded: for=203.0.113.7;host=api.example"} {
		for _, path := range []string{"/verify", "/verify/nginx", "/verify/envoy/x", "/healthz", "/sign-in", "/tokens", "/oauth2/token", "/oauth2/introspect", "/.well-known/openid-configuration", "/static/console.css", "/"} {
			if status, body := send(t, s, path, host); status != 200 || !strings.HasPrefix(body, "API: "+path+" for ") {
				t.Errorf("%s%s: %d %s", host, path, status, body)
			}
		}
		if status, body := send(t, s, "/.well-known/oauth-protected-resource", host); status != 200 || !strings.Contains(body, `"resource":"https://api.example/"`) {
			t.Errorf("%s: the API isn't described: %d %s", host, status, body)
		}
		// A question that comes by the API's name must not be taken for a call, whose answer may be 200.
		if status, body := send(t, s, "/verify", host, "X-Forwarded-Uri: /secret"); status != 403 || !strings.Contains(body, "remove upstream") {
			t.Errorf("%s: a question is answered with %d %s", host, status, body)
		}
		if status, body := send(t, s, "/verify/envoy/admin", host, "X-Keyporter-Question: 1"); status != 403 || !strings.Contains(body, "remove upstream") {
			t.Errorf("%s: Envoy's question is answered with %d %s", host, status, body)
		}
	}
	proxy := keyportertest.StartNginx(t, keyportertest.Example(t, "../examples/nginx/keyporter.conf", strings.TrimPrefix(s.URL(), "http://"), "127.0.0.1:1"))
	if status, body := sendTo(t, proxy, "GET /secret", "api.example"); status != 403 || !strings.Contains(body, "remove upstream") {
		t.Errorf("the client of an nginx that asks gets %d %s", status, body)
	}
	if status, body := send(t, s, "/verify", "asked.example", "X-Forwarded-Uri: /x"); status != 200 || body != "" {
		t.Errorf("a proxy that asks by the name of its API gets %d %s", status, body)
	}
	stranger := routed(t, "none")
	if status, body := send(t, stranger, "/verify", "own.example\r\nX-Forwarded-Host: api.example", "X-Forwarded-Uri: /x"); status != 403 {
		t.Errorf("a stranger asks: %d %s", status, body)
	}
	if status, body := send(t, stranger, "/sign-in", "own.example\r\nX-Forwarded-Host: api.example"); status != 200 || strings.HasPrefix(body, "API") {
		t.Errorf("a stranger's X-Forwarded-Host counts: %d %s", status, body)
	}
}

// TestTheServerItselfIsNoPath asks for the options of the server (RFC 9110 §9.3.7), at the pages and at an API.
// net/http would answer with 200 by itself.
func TestTheServerItselfIsNoPath(t *testing.T) {
	t.Parallel()
	s := routed(t)
	for _, host := range []string{"own.example", "api.example", "asked.example"} {
		for _, method := range []string{"OPTIONS", "GET", "POST", "PRI"} {
			if status, body := sendLine(t, s, method+" *", host); status < 400 || status > 404 || strings.HasPrefix(body, "API") {
				t.Errorf("%s * for %s: %d %s", method, host, status, body)
			}
		}
	}
}

// TestNoPageIsAProblemForPrograms expects a path that neither an API nor a page has to be refused in the gateway's form,
// unless a person looks for a page.
func TestNoPageIsAProblemForPrograms(t *testing.T) {
	t.Parallel()
	s := routed(t)
	const browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, path := range []string{"/nowhere", "/nowhere/else?x=1", "//healthz", "/tokens/x/y/z/nowhere", "/verify2", "/Soap%2f.asmx", "/%00"} {
		for header, problem := range map[string]bool{"X: y": true, "Accept: */*": true, "ApiToken: kpu_x\r\nAccept: application/json": true, "Authorization: Bearer x": true, browser: false, "ApiToken: x\r\n" + browser: false} {
			for _, method := range []string{"GET", "POST"} {
				status, body := sendLine(t, s, method+" "+path, "own.example", header)
				if status != 404 || problem != strings.HasPrefix(body, `{"title":"Not Found","status":404,`) || problem != strings.Contains(body, `"code":"path.unknown"`) || problem == strings.Contains(body, "<html") {
					t.Errorf("%s %s with %s: %d %s", method, path, header, status, body)
				}
			}
		}
	}
	for path, want := range map[string]int{"/sign-in": 200, "/": 303, "/tokens": 303} {
		if status, body := send(t, s, path, "own.example"); status != want || strings.Contains(body, "path.unknown") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := sendLine(t, s, "OPTIONS //", "own.example"); status != 404 || !strings.Contains(body, "path.unknown") {
		t.Errorf("OPTIONS //: %d %s", status, body)
	}
}

// TestNoDoorTakesARefusedMethod calls every door, as programs and as browsers do.
func TestNoDoorTakesARefusedMethod(t *testing.T) {
	t.Parallel()
	s := routed(t)
	for _, line := range []string{"CONNECT own.example:443", "TRACE /nowhere", "TRACE /healthz", "TRACK /healthz", "TRACE /sign-in", "TRACK /", "TRACE /oauth2/token", "trace /oauth2/introspect", "TRACE /static/console.css", "TRACE /Api/v5/open/x", "TRACE /Soap.asmx"} {
		for _, header := range []string{"X: y", "Accept: text/html"} {
			if status, body := sendLine(t, s, line, "own.example", header); status != 501 {
				t.Errorf("%s with %s: %d %s", line, header, status, body)
			}
		}
	}
}

// TestNobodyTakesBackWhatTheProxySays has a client add its own headers to those that a trusted proxy sets.
func TestNobodyTakesBackWhatTheProxySays(t *testing.T) {
	t.Parallel()
	s := routed(t)
	for _, path := range []string{"/verify/envoy/Api/v5/open/x", "/verify", "/verify/nginx", "/healthz", "/sign-in", "/x", "/Api/v5/open/x", "/Soap.asmx?WSDL", "/.well-known/oauth-protected-resource", "/oauth2/token"} {
		for _, headers := range []string{
			"X-Forwarded-Host: api.example\r\nForwarded: host=evil", "X-Forwarded-Host: api.example\r\nForwarded: host=127.0.0.1:8080", "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.9;host=api.example",
			"X-Forwarded-Host: api.example@x", "X-Forwarded-Host: 127.0.0.1:8080\r\nForwarded: host=api.example",
		} {
			if status, body := send(t, s, path, "127.0.0.1:8080\r\n"+headers, "X-Forwarded-Uri: /Api/v5/open/x"); status != 400 || strings.HasPrefix(body, "API") {
				t.Errorf("%s with %q: %d %s", path, headers, status, body)
			}
		}
	}
}
