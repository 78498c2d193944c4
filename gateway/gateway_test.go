package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/gateway"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

// world is a gateway in front of an API that the test controls.
type world struct {
	*keyportertest.Node

	url    string
	door   http.Handler
	api    *keyportertest.RawAPI // nil: the test has its own
	ada    keyporter.User
	token  keyporter.Token
	secret string
	log    *logged
}

// logged is what the gateway has logged, from whichever goroutine.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newWorld starts the gateway. It has the routes of the example API, and one under /other that
// responds with problem documents. Without an API of the test's, there is a RawAPI.
func newWorld(t *testing.T, api http.HandlerFunc, trusted ...string) *world {
	t.Helper()
	w := &world{Node: keyportertest.NewNode(t, keyportertest.Database(t)), log: &logged{}}
	upstream := httptest.NewServer(api)
	t.Cleanup(upstream.Close)
	if api == nil {
		w.api = keyportertest.NewRawAPI(t)
		upstream.URL = w.api.URL
	}
	apis := append(keyportertest.APIs(upstream.URL), verify.API{Name: "other", Upstream: upstream.URL, Routes: []verify.Route{{Path: "/other/{rest...}"}}},
		verify.API{Name: "down", Upstream: "http://127.0.0.1:1", Routes: []verify.Route{{Path: "/down/{rest...}"}}}, keyportertest.Drive(upstream.URL),
		verify.API{Name: "hosted", Upstream: upstream.URL, Hosts: []string{"hosted.example"}, Routes: []verify.Route{{Path: "/.well-known/{rest...}", Public: true}, {Path: "/x"}}})
	checker, err := verify.New(w.DB, verify.Options{APIs: apis, Address: "https://keys.example", Usage: w.Usage})
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := web.ParseProxies(trusted)
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(gateway.Config{
		Checker: checker, Proxies: proxies, Sunset: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), Issuer: "https://keys.example",
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	w.door = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case g.Asks(r):
			g.Verify(rw, r)
		case g.Describes(r):
			g.Describe(rw, r)
		default:
			g.ServeHTTP(rw, r)
		}
	})
	front := httptest.NewUnstartedServer(w.door)
	front.Config.MaxHeaderBytes = 32 << 10
	front.Start()
	t.Cleanup(func() { front.Close(); g.Close() })
	w.url = front.URL
	w.ada = keyportertest.User(t, w.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	var secret keyporter.Secret
	w.token, secret = keyportertest.Token(t, w.Control, w.ada, "Export")
	w.secret = secret.Reveal()
	return w
}

// raw sends a request exactly as written, with any header and path, and returns the response.
func (w *world) raw(t *testing.T, request string) *http.Response {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (w *world) get(t *testing.T, path string, headers ...string) *http.Response {
	t.Helper()
	return w.raw(t, "GET "+path+" HTTP/1.1\nHost: localhost\nConnection: close\n"+strings.Join(headers, "\n")+"\n\n")
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// echo responds with the request line and the headers that the API got.
func echo(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, r.Method, r.RequestURI)
	_ = r.Header.Write(w)
	_, _ = io.Copy(io.Discard, r.Body)
	for name, values := range r.Trailer {
		fmt.Fprintln(w, name, values)
	}
}

func TestForgedHeadersNeverArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, "127.0.0.1")
	forged := []string{
		"X-Keyporter-User: evil", "x-keyporter-user: evil", "X_Keyporter_User: evil", "X-KEYPORTER_LOGIN: evil", "X-Keyporter-Actor: evil", "X.Keyporter.Scopes: evil",
		"X-Keyporter-App: evil", "X-Keyporter-Anything: evil", "XKeyporterUser: evil", "X-Original-URL: /evil", "X-Rewrite-Url: /evil",
		"Api_Token: evil", "User_Login_Name: evil", "Cookie: a=b; keyporter-session=evil; __Host-keyporter-session=evil",
		"Connection: close, X-Keyporter-User, X-Keyporter-Login",
	}
	res := w.raw(t, "POST /Api/v6/x?q=1 HTTP/1.1\nHost: localhost\nApiToken: "+w.secret+"\nUserLoginName: ada@acme.example\n"+strings.Join(forged, "\n")+
		"\nTransfer-Encoding: chunked\nTrailer: X-Keyporter-User\n\n2\nhi\n0\nX-Keyporter-User: evil\n\n")
	got := body(t, res)
	if strings.Contains(got, "evil") || strings.Contains(got, w.secret) || strings.Contains(strings.ToLower(got), "userloginname") {
		t.Errorf("the API got\n%s", got)
	}
	for _, want := range []string{
		"POST /Api/v6/x?q=1\n", "X-Keyporter-User: " + string(w.ada.ID) + "\r\n", "X-Keyporter-Login: ada@acme.example\r\n", "X-Keyporter-Credential-Kind: user_token\r\n",
		"X-Keyporter-Credential: " + string(w.token.ID) + "\r\n", "X-Keyporter-Organization: " + string(w.ada.OrganizationID) + "\r\n",
		"X-Keyporter-Request-Id: " + res.Header.Get("X-Keyporter-Request-Id") + "\r\n", "Cookie: a=b\r\n", "X-Forwarded-Host: localhost\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestAPublicPathHasNoIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	got := body(t, w.get(t, "/Api/v4/version", "X-Keyporter-User: evil", "ApiToken: "+w.secret))
	if !strings.HasPrefix(got, "GET /Api/v4/version") || strings.Contains(got, "User:") || strings.Contains(got, w.secret) {
		t.Errorf("the API got\n%s", got)
	}
}

func TestRefusalFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), w.token.ID); err != nil {
		t.Fatal(err)
	}
	off := "ApiToken: " + w.secret
	const description = `error="invalid_token", error_description="This token is switched off. Its owner can switch it on under API Tokens and Apps."`
	for _, c := range []struct {
		path, header string
		status       int
		challenge    string // the end of WWW-Authenticate
		body         string // a part of the body, or "" if it must be empty
	}{
		{"/Api/v5/x", off, 401, description, ""},
		{"/Api/v6/x", off, 401, description, ""},
		{"/other/x", off, 401, description, `"detail":"This token is switched off.`},
		{"/Api/v5/x", "X: y", 401, `Bearer realm="keyporter"`, ""},
		{"/other/x", "X: y", 401, `Bearer realm="keyporter"`, `"code":"credential.missing"`},
		{"/other/x", "ApiToken: kpu_", 401, `error_description="The token is not valid."`, `"code":"credential.unknown"`},
		{"/Api/v5/x", "Authorization: Basic YTpi\nApiToken: kpu_x", 400, `error="invalid_request", error_description="The request carries more than one credential. Send only one."`, ""},
		{"/Api/v6/x", "Authorization: Basic YTpi\nApiToken: kpu_x", 400, `Send only one."`, `{"ErrorId":"ERR0011","Message":"ERR0011 - The request carries`},
		{"/Api/v6/a//b", off, 400, `encoded separators."`, `{"ErrorId":"ERR0011","Message":"ERR0011 - The path`},
		{"/Api/v5/%2f", off, 400, `encoded separators."`, ""},
		{"/elsewhere//x", off, 400, `encoded separators."`, `"code":"path.ambiguous"`},
		{"/elsewhere", off, 404, "", `"code":"path.unknown"`},
	} {
		res := w.get(t, c.path, c.header)
		got := body(t, res)
		if res.StatusCode != c.status || !strings.HasSuffix(res.Header.Get("WWW-Authenticate"), c.challenge) || !strings.Contains(got, c.body) || (c.body == "") != (got == "") {
			t.Errorf("%s with %.20s: %d, %s\n%s", c.path, c.header, res.StatusCode, res.Header.Get("WWW-Authenticate"), got)
		}
		if res.Header.Get("X-Keyporter-Request-Id") == "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", c.path, res.Header)
		}
	}
}

func TestAMissingPermissionIsForbiddenWhereTheAPIKnows403(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	if err := w.Control.SetUserRoles(t.Context(), keyporter.Command(), w.ada.ID, nil); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/Api/v5/x": 401, "/Api/v6/x": 403, "/other/x": 403} {
		res := w.get(t, path, "ApiToken: "+w.secret)
		got := body(t, res)
		if res.StatusCode != want || (want == 401) != (got == "") {
			t.Errorf("%s: %d %s", path, res.StatusCode, got)
		}
		if want == 403 && !strings.Contains(got, "none of their roles grants Use the API") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestOversizedHeadersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	if res := w.get(t, "/Api/v6/x", "ApiToken: "+strings.Repeat("k", 64<<10)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestAnAPIThatIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	res := w.get(t, "/down/x", "ApiToken: "+w.secret)
	if got := body(t, res); res.StatusCode != http.StatusBadGateway || strings.Contains(got, "127.0.0.1") || !strings.Contains(got, `"request_id"`) {
		t.Errorf("%d %s", res.StatusCode, got)
	}
	if strings.Contains(w.log.String(), w.secret) {
		t.Error("the log contains the secret")
	}
}

func TestAnAPICantImpersonateKeyporter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Keyporter-User", "evil")
		rw.Header().Add("Set-Cookie", "keyporter-session=evil; Path=/")
		rw.Header().Add("Set-Cookie", "own=1")
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusTeapot)
	})
	res := w.get(t, "/Api/v6/x", "ApiToken: "+w.secret)
	if res.StatusCode != http.StatusTeapot || res.Header.Get("X-Keyporter-User") != "" || fmt.Sprint(res.Header["Set-Cookie"]) != "[own=1]" || res.Header.Get("Content-Security-Policy") != "sandbox" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// TestBodiesStream sends a body and then receives one, piece by piece. Each piece is sent only
// after the previous one has arrived.
func TestBodiesStream(t *testing.T) {
	t.Parallel()
	arrived, wanted := make(chan string), make(chan string)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 4)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				break
			}
			arrived <- string(buf)
		}
		for piece := range wanted {
			_, _ = io.WriteString(rw, piece)
			_ = http.NewResponseController(rw).Flush()
		}
	})
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/Api/v6/file/upload", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Apitoken", w.secret)
	go func() {
		for _, piece := range []string{"one.", "two.", "end."} {
			_, _ = io.WriteString(out, piece)
			if got := <-arrived; got != piece {
				t.Errorf("%q arrived, but %q was sent", got, piece)
			}
		}
		_ = out.Close()
		wanted <- "ONE."
	}()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got := make([]byte, 4)
	for _, next := range []string{"TWO.", "END.", ""} {
		if _, err := io.ReadFull(res.Body, got); err != nil {
			t.Fatal(err)
		}
		if next != "" {
			wanted <- next
		}
	}
	close(wanted)
}

func TestAClientThatGoesAwayEndsTheCall(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel() // now that the call has arrived
		select {
		case <-r.Context().Done():
			gone <- nil
		case <-time.After(10 * time.Second):
			gone <- errors.New("the API was still at work after ten seconds")
		}
	})
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/Api/v6/x", nil)
	req.Header.Set("Apitoken", w.secret)
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
		t.Fatal("there was an answer")
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
	if w.log.String() != "" {
		t.Errorf("logged: %s", w.log.String())
	}
}

func TestATruncatedBodyIsNotForwardedAsWhole(t *testing.T) {
	t.Parallel()
	whole := make(chan error, 1)
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err
	})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /Api/v6/file/upload HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\nContent-Length: 100000\r\n\r\nonly this", w.secret)
	_ = conn.Close()
	select {
	case err := <-whole:
		if err == nil {
			t.Error("the API took a part for the whole")
		}
	case <-time.After(10 * time.Second):
		t.Error("the API still waits for the rest after ten seconds")
	}
}

func TestUpgradesPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Keyporter-User") == "" {
			http.Error(rw, "nobody", http.StatusUnauthorized)
			return
		}
		conn, buf, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
		line, _ := buf.ReadString('\n')
		_, _ = conn.Write([]byte("you said " + line))
	})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /Api/v6/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nApiToken: %s\r\n\r\n", w.secret)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	_, _ = conn.Write([]byte("hello\n"))
	if line, err := r.ReadString('\n'); line != "you said hello\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestForwardAuth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, "127.0.0.1")
	token := "ApiToken: " + w.secret
	for _, c := range []struct {
		what    string
		headers []string
		status  int
	}{
		{"as Traefik and Caddy ask", []string{token, "X-Forwarded-Method: POST", "X-Forwarded-Uri: /Api/v6/x?q=1", "X-Forwarded-Host: api.example", "X-Forwarded-Proto: https"}, 200},
		{"as nginx asks", []string{token, "X-Original-Uri: /Api/v6/x?a=/../b"}, 200},
		{"as ingress-nginx asks", []string{token, "X-Original-Url: https://api.example/Api/v6/x?q=1", "X-Original-Method: GET"}, 200},
		{"a public path", []string{"X-Forwarded-Uri: /Api/v4.0/version", "X-Forwarded-Method: GET"}, 200},
		{"both, and they agree", []string{token, "X-Forwarded-Uri: /Api/v6/x", "X-Original-Uri: /Api/v6/x"}, 200},
		{"both, and they differ", []string{token, "X-Forwarded-Uri: /Api/v6/x", "X-Original-Uri: /Api/v4/version"}, 400},
		{"the same header twice", []string{token, "X-Forwarded-Uri: /Api/v6/x", "X-Forwarded-Uri: /Api/v4/version"}, 400},
		{"no path", []string{token}, 400},
		{"an empty path", []string{token, "X-Forwarded-Uri: "}, 400},
		{"a whole address as path", []string{token, "X-Forwarded-Uri: http://x/Api/v6/x"}, 400},
		{"a path that can be read in two ways", []string{token, "X-Forwarded-Uri: /Api/v6/%2e%2e/x"}, 400},
		{"no token", []string{"X-Forwarded-Uri: /Api/v6/x"}, 401},
		{"a wrong token", []string{"ApiToken: kpu_1", "X-Forwarded-Uri: /Api/v6/x"}, 401},
		{"an unknown path", []string{token, "X-Forwarded-Uri: /admin"}, 404},
	} {
		res := w.get(t, "/verify", c.headers...)
		got := body(t, res)
		if res.StatusCode != c.status {
			t.Errorf("%s: %d, %s", c.what, res.StatusCode, got)
		}
		identified := res.Header.Get("X-Keyporter-User") != ""
		if want := c.status == 200 && c.what != "a public path"; identified != want || c.status == 200 && got != "" {
			t.Errorf("%s: identity %v, body %q", c.what, identified, got)
		}
	}
}

func TestForwardAuthIsForTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, "192.0.2.0/24")
	res := w.get(t, "/verify", "ApiToken: "+w.secret, "X-Forwarded-Uri: /Api/v6/x")
	if got := body(t, res); res.StatusCode != http.StatusForbidden || !strings.Contains(got, "trusted_proxies") || res.Header.Get("X-Keyporter-User") != "" {
		t.Errorf("%d %s", res.StatusCode, got)
	}
}

func TestOnlyTrustedProxiesSetTheClientAddress(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[string]string{"127.0.0.1": "203.0.113.9, 198.51.100.7, 127.0.0.1", "192.0.2.1": "127.0.0.1"} {
		w := newWorld(t, echo, trusted)
		got := body(t, w.get(t, "/Api/v6/x", "ApiToken: "+w.secret, "X-Forwarded-For: 203.0.113.9, 198.51.100.7"))
		if !strings.Contains(got, "X-Forwarded-For: "+want+"\r\n") {
			t.Errorf("trusting %s, the API got\n%s", trusted, got)
		}
	}
}

// TestOrganizationTokensAreDeprecated expects both adapters to say so in each response to an
// organization token, and in no other.
func TestOrganizationTokensAreDeprecated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) }, "127.0.0.1")
	_, secret := keyportertest.OrganizationToken(t, w.Control, w.ada, "Archive")
	for _, c := range []struct {
		request, token string
		status         int
		deprecated     bool
	}{
		{"GET /Api/v5/x HTTP/1.1", "OrganizationKey: " + secret.Reveal() + "\nUserLoginName: ada@acme.example", 418, true},
		{"GET /verify HTTP/1.1\nX-Forwarded-Method: GET\nX-Forwarded-Uri: /Api/v5/x", "OrganizationKey: " + secret.Reveal() + "\nUserLoginName: ada@acme.example", 200, true},
		{"GET /Api/v5/x HTTP/1.1", "ApiToken: " + w.secret, 418, false},
		{"GET /Api/v5/version HTTP/1.1", "X: y", 418, false},
	} {
		res := w.raw(t, c.request+"\nHost: localhost\n"+c.token+"\n\n")
		deprecation, sunset := "", ""
		if c.deprecated {
			deprecation, sunset = "@1795478400", "Sat, 01 Jan 2028 00:00:00 GMT"
		}
		if res.StatusCode != c.status || res.Header.Get("Deprecation") != deprecation || res.Header.Get("Sunset") != sunset {
			t.Errorf("%s: %d, Deprecation %q, Sunset %q", c.request, res.StatusCode, res.Header.Get("Deprecation"), res.Header.Get("Sunset"))
		}
	}
}
