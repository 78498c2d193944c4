package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOnlyWebsocketsCanUpgrade has an attacker without a token ask to upgrade to HTTP/2 on a
// public path. If the API agreed, it would accept more calls through the same connection. Nobody
// would check them, and the attacker could claim to be anyone.
func TestOnlyWebsocketsCanUpgrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, buf, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
			line, _ := buf.ReadString('\n')
			fmt.Fprint(conn, "the API got ", line)
			return
		}
		echo(rw, r)
	})
	for _, upgrade := range []string{"h2c", "H2C", "h2c, websocket", "websocket, h2c", "TLS/1.2", "keyporter"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "GET /Api/v4/version HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", upgrade)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(body(t, res)), "upgrade") {
			t.Errorf("Upgrade: %s was answered with %s", upgrade, res.Status)
		}
		_ = conn.Close()
	}
}

// TestAddressesAreReadTheWayTheAPIReadsThem has an attacker who knows that a proxy describes calls
// with X-Original-Url. They craft an address so that the check sees a public path.
func TestAddressesAreReadTheWayTheAPIReadsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, "127.0.0.1")
	for address, want := range map[string]int{
		"/Api/v4/version":                             http.StatusOK,
		"https://api.example/Api/v4/version?q=1":      http.StatusOK,
		"/Api/v6/x":                                   http.StatusUnauthorized,
		"https://api.example/Api/v6/x":                http.StatusUnauthorized,
		"//admin/Api/v4/version":                      http.StatusBadRequest, // the API may see /admin/Api/v4/version
		"/Api/v4/version#/../../v6/x":                 http.StatusBadRequest,
		"https://api.example/Api/v4/version#/../v6/x": http.StatusBadRequest,
		"https://api.example//Api/v4/version":         http.StatusBadRequest,
		"https://api.example?/Api/v4/version":         http.StatusBadRequest,
		"https://api.example#/Api/v4/version":         http.StatusBadRequest,
		"https://x@api.example/Api/v4/version":        http.StatusBadRequest,
		"https:/Api/v4/version":                       http.StatusBadRequest,
		"https:///Api/v4/version":                     http.StatusBadRequest,
		"api.example/Api/v4/version":                  http.StatusBadRequest,
	} {
		if res := w.get(t, "/verify", "X-Original-Url: "+address, "X-Original-Method: GET"); res.StatusCode != want {
			t.Errorf("%s was answered with %d, not %d", address, res.StatusCode, want)
		}
	}
}

// TestRefusedClientsHoldNoConnection has an attacker without a token start requests and never
// finish them. They must not hold a connection for longer than it takes to refuse them.
func TestRefusedClientsHoldNoConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	for _, path := range []string{"/Api/v6/x", "/elsewhere", "/verify"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", path)
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 40") {
				t.Errorf("%.20q, %v", answer, err)
			}
		})
	}
}

// TestClientsCantPoseAsAProxy has a client that isn't a proxy send headers that servers trust:
// where it is, and which address and method it called.
func TestClientsCantPoseAsAProxy(t *testing.T) {
	t.Parallel()
	lies := []string{
		"X_Forwarded_For: evil", "X_Forwarded_Host: evil", "x_forwarded-proto: evil", "X-Forwarded-Prefix: evil", "X-Forwarded-Port: evil", "X-Forwarded-Uri: evil",
		"X-Real-Ip: evil", "X_Real_IP: evil", "Forwarded: for=evil", "X-Http-Method-Override: evil", "X_HTTP_Method: evil", "X-Method-Override: evil",
		"Proxy: evil", "X-Client-Ip: evil", "X_Cluster_Client_IP: evil", "True-Client-Ip: evil", "Cf-Connecting-Ip: evil", "cf_connecting_ip: evil", "Fastly-Client-Ip: evil", "X-Envoy-External-Address: evil", "Fly-Client-Ip: evil",
	}
	w := newWorld(t, echo, "192.0.2.1")
	if got := body(t, w.get(t, "/Api/v4/version", lies...)); strings.Contains(got, "evil") {
		t.Errorf("from an untrusted client, the API got\n%s", got)
	}
	w = newWorld(t, echo, "127.0.0.1")
	got := body(t, w.get(t, "/Api/v4/version", append(lies, "X-Forwarded-Prefix: /api")...))
	for line := range strings.Lines(got) {
		if strings.Contains(line, "evil") && !strings.HasPrefix(line, "X-Forwarded-") && !strings.Contains(line, "-Ip: ") && !strings.HasPrefix(line, "X-Envoy-") {
			t.Errorf("from a proxy, the API got %s", line)
		}
	}
	if !strings.Contains(got, "X-Forwarded-Prefix: /api\r\n") {
		t.Errorf("what a proxy says is missing in\n%s", got)
	}
}

// TestAMissingMethodIsNotGET has a proxy ask without naming the method. The question itself is a
// GET, whatever the call is.
func TestAMissingMethodIsNotGET(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, "127.0.0.1")
	for method, want := range map[string]int{"X-Original-Method: GET": http.StatusOK, "X-Original-Method: POST": http.StatusUnauthorized, "X: y": http.StatusUnauthorized} {
		if res := w.get(t, "/verify", "X-Original-Uri: /Api/v4/version", method); res.StatusCode != want {
			t.Errorf("with %s: %d, want %d", method, res.StatusCode, want)
		}
	}
}

// TestAnAPICantPlantASession has an API set a cookie without a name. The browser then sends its
// value as if it were a name and a value.
func TestAnAPICantPlantASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		for _, cookie := range []string{"=keyporter-session=evil", " = keyporter-session=evil; Path=/", "=__Host-keyporter-session=evil", "own=keyporter-session=1"} {
			rw.Header().Add("Set-Cookie", cookie)
		}
	})
	res := w.get(t, "/Api/v4/version")
	if got := fmt.Sprint(res.Header["Set-Cookie"]); got != "[own=keyporter-session=1]" {
		t.Errorf("the browser gets %s", got)
	}
}

// TestTheRequestIDSurvivesAnEarlyHint has the API send an early hint before its response.
func TestTheRequestIDSurvivesAnEarlyHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusEarlyHints) })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "GET /Api/v4/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(conn)
	_, last, _ := strings.Cut(string(all), "\r\n\r\n")
	if err != nil || !strings.HasPrefix(last, "HTTP/1.1 200") || strings.Count(last, "X-Keyporter-Request-Id: ") != 1 {
		t.Errorf("%v\n%s", err, all)
	}
}

// TestEarlyHintsAreClean has an API send an early hint in Keyporter's name.
func TestEarlyHintsAreClean(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{"X-Keyporter-User": "evil", "X-Keyporter-Request-Id": "evil", "X_keyporter_actor": "evil", "Set-Cookie": "keyporter-session=evil", "Link": "</a.css>; rel=preload"} {
			rw.Header().Set(name, value)
		}
		rw.WriteHeader(http.StatusEarlyHints)
	})
	conn := w.connect(t)
	fmt.Fprint(conn, "GET /Api/v4/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || strings.Contains(string(all), "evil") || !strings.HasPrefix(string(all), "HTTP/1.1 103 ") || !strings.Contains(string(all), "Link: </a.css>") {
		t.Errorf("%v\n%s", err, all)
	}
}

// TestUnknownHostsReachNoAPI has a page whose name resolves to Keyporter's address call an API that
// belongs to another host (DNS rebinding).
func TestUnknownHostsReachNoAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	for _, host := range []string{"evil.example", "localhost", "hosted.example.evil.example", ""} {
		for _, path := range []string{"/x", "/.well-known/x"} {
			res := w.raw(t, "GET "+path+" HTTP/1.1\nHost: "+host+"\nConnection: close\nApiToken: "+w.secret+"\n\n")
			if got := body(t, res); res.StatusCode != http.StatusNotFound || !strings.Contains(got, "path.unknown") {
				t.Errorf("%s at %q: %s %s", path, host, res.Status, got)
			}
		}
	}
}
