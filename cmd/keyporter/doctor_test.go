package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// examined is a Keyporter that proxies ask, and a token.
type examined struct {
	keyporter, api, token string
}

func newExamined(t *testing.T, hosts ...string) examined {
	t.Helper()
	s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Database: keyportertest.Database(t), APIs: []verify.API{
		{Name: "shop", Hosts: hosts, Routes: []verify.Route{{Path: "/shop/public", Public: true}, {Path: "/shop/{rest...}"}}},
	}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	_, secret := keyportertest.Token(t, s.Control, ada, "Doctor")
	return examined{keyporter: strings.TrimPrefix(s.URL(), "http://"), api: keyportertest.FreeAddress(t), token: secret.Reveal()}
}

// examine runs the command on a proxy, and returns its output.
func (e examined) examine(t *testing.T, proxy string, args ...string) (text string, err error) {
	t.Helper()
	var out strings.Builder
	cmd := newProgram()
	cmd.SetArgs(append([]string{"doctor", "--url", "http://" + proxy + "/shop/orders", "--echo", e.api}, args...)) // the last of each flag wins
	cmd.SetIn(strings.NewReader(e.token + "\n"))
	cmd.SetOut(&out)
	err = cmd.ExecuteContext(t.Context())
	if strings.Contains(out.String(), e.token) {
		t.Error("the output contains the token")
	}
	return out.String(), err
}

// TestTheDoctorApprovesTheExamples examines the proxies configured in this repository.
func TestTheDoctorApprovesTheExamples(t *testing.T) {
	e := newExamined(t)
	example := func(path string) string {
		return keyportertest.Example(t, "../../examples/"+path, e.keyporter, e.api)
	}
	for name, proxy := range map[string]string{
		"nginx":         keyportertest.StartNginx(t, example("nginx/keyporter.conf")),
		"nginx, cached": keyportertest.StartNginx(t, example("nginx/keyporter-cached.conf")),
		"Caddy":         keyportertest.StartCaddy(t, example("caddy/Caddyfile")),
		"Traefik":       keyportertest.StartTraefik(t, example("traefik/dynamic.yaml")),
	} {
		if text, err := e.examine(t, proxy); err != nil || !strings.Contains(text, "All is well.") || strings.Contains(text, "!!") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestTheDoctorFindsFaults examines the examples with one fault each.
func TestTheDoctorFindsFaults(t *testing.T) {
	e := newExamined(t)
	for _, c := range []struct {
		name, file string
		old, with  string
		says       []string
	}{
		{
			"a forged header arrives", "nginx/keyporter.conf", `proxy_set_header X-Keyporter-Actor           $keyporter_actor;`, "",
			[]string{"A client that sends X-Keyporter-Actor is believed"},
		},
		{
			"the token arrives", "nginx/keyporter.conf", `proxy_set_header Authorization   "";`, "",
			[]string{"The API gets the token sent as Authorization"},
		},
		{
			"a refusal is lost", "nginx/keyporter.conf", "error_page 403 = @keyporter_refused;", "",
			[]string{"gets 403, although Keyporter said 401", "without WWW-Authenticate", "one of the proxy's pages"},
		},
		{
			"one path isn't guarded", "nginx/keyporter.conf", "location = /keyporter {", "location ~ /$ { proxy_pass http://" + e.api + "; }\nlocation = /keyporter {",
			[]string{"GET /shop/orders/ reaches the API without a token"},
		},
		{
			"the cache takes one call for another", "nginx/keyporter-cached.conf", `"$http_apitoken\n$http_authorization\n$http_organizationkey\n$http_userloginname\n`, `"`,
			[]string{"answers no token, after a valid one with the answer to another call", "answers a made-up token, after a valid one"},
		},
		{
			"the client says which path it calls", "nginx/keyporter.conf", `proxy_set_header X-Forwarded-Uri    "";`, "",
			[]string{"The client's own X-Forwarded-Uri reaches Keyporter"},
		},
		{
			"Caddy, a forged header arrives", "caddy/Caddyfile", "request_header -*Override*", "request_header -X-Override-Method",
			[]string{"The API gets X-Method-Override"},
		},
		{
			"Caddy, a tunnel is opened", "caddy/Caddyfile", "request_header @no-websocket -Upgrade", "",
			[]string{"asked to switch to plaintext HTTP/2"},
		},
		{
			"the API takes another method", "nginx/keyporter.conf", `proxy_set_header X-Http-Method-Override "";`, "",
			[]string{"The API gets X-Http-Method-Override"},
		},
		{
			"the answer to the question is lost", "nginx/keyporter.conf", "proxy_set_header X-Keyporter-User            $keyporter_user;", "",
			[]string{"The API doesn't learn who is calling"},
		},
		{
			"nobody is asked", "nginx/keyporter.conf", "auth_request /keyporter;", "",
			[]string{"Anyone can call this path without a token."},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := keyportertest.Example(t, "../../examples/"+c.file, e.keyporter, e.api)
			if !strings.Contains(text, c.old) {
				t.Fatalf("%s has no %q anymore", c.file, c.old)
			}
			start := keyportertest.StartNginx
			if strings.HasPrefix(c.file, "caddy") {
				start = keyportertest.StartCaddy
			}
			out, err := e.examine(t, start(t, strings.Replace(text, c.old, c.with, 1)))
			t.Log(out)
			if err == nil || !strings.Contains(out, "!!") {
				t.Error("it found nothing")
			}
			for _, says := range c.says {
				if !strings.Contains(out, says) {
					t.Errorf("the output doesn't say %q", says)
				}
			}
		})
	}
}

// TestTheDoctorSaysWhyNothingGetsThrough sends calls with the token that are refused, and calls an
// API that doesn't have the path.
func TestTheDoctorSaysWhyNothingGetsThrough(t *testing.T) {
	e := newExamined(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/shop/public", func(http.ResponseWriter, *http.Request) {})
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	example := func(keyporter, api string) string {
		return keyportertest.Example(t, "../../examples/nginx/keyporter.conf", keyporter, api)
	}
	text := example(e.keyporter, strings.TrimPrefix(api.URL, "http://"))
	good := keyportertest.StartNginx(t, text)
	silent := keyportertest.StartNginx(t, strings.Replace(text, "proxy_set_header X-Original-Uri    $request_uri;", "", 1))
	noAPI := keyportertest.StartNginx(t, example(e.keyporter, e.api)) // nobody listens there without an echo
	nobody := keyportertest.StartNginx(t, example(e.api, e.api))
	e.api = "" // without an echo
	for _, c := range []struct {
		name, proxy, path, token, says string
		unchecked                      bool
	}{
		{"the proxy doesn't say which path", silent, "/shop/orders", e.token, "(400): the proxy must send the path of the call", true},
		{"no route", good, "/nowhere", e.token, "Choose a path that is on a route", true},
		{"an unknown token", good, "/shop/orders", keyporter.NewSecret(keyporter.SecretUserToken).Reveal(), "(401): The token is not valid.", false},
		{"an open path", good, "/shop/public", e.token, "Anyone can call this path without a token.", false},
		{"the API doesn't run", noAPI, "/shop/orders", e.token, "gets 502: the proxy reaches Keyporter, but not the API", false},
		{"Keyporter doesn't run", nobody, "/shop/orders", e.token, "The proxy can't reach Keyporter. Look at the proxy's error log.", true},
		{"no such path of the API", good, "/shop/orders", e.token, "The API answers 404.", false},
	} {
		e.token = c.token
		if out, err := e.examine(t, c.proxy, "--url", "http://"+c.proxy+c.path); err == nil || strings.Count(out, "!!") != 1 || !strings.Contains(out, c.says) || strings.Contains(out, "keyporter explain") {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		} else if c.unchecked != strings.Contains(out, "  ?   the call needs a token: not checked; a call without one gets ") || c.unchecked && strings.Contains(out, "ok  the call needs") {
			t.Errorf("%s: it says of a call without a token\n%s", c.name, out)
		}
	}
}

// TestTheDoctorKnowsHTTPS calls a port for HTTPS without it, and one with a certificate from an unknown authority.
func TestTheDoctorKnowsHTTPS(t *testing.T) {
	e := newExamined(t)
	api := httptest.NewUnstartedServer(http.NotFoundHandler())
	api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // of failed handshakes
	api.StartTLS()
	t.Cleanup(api.Close)
	out, err := e.examine(t, api.Listener.Addr().String())
	if err == nil || strings.Count(out, "!!") != 1 || !strings.Contains(out, "This port speaks HTTPS.\n      Use https://.") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := e.examine(t, "", "--url", api.URL+"/shop/orders"); err == nil || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheDoctorSaysWhatARedirectIs has the proxy redirect all calls, or the API those that get through to it.
func TestTheDoctorSaysWhatARedirectIs(t *testing.T) {
	e := newExamined(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/shop/works" || r.Method == http.MethodPut {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}))
	t.Cleanup(api.Close)
	text := keyportertest.Example(t, "../../examples/nginx/keyporter.conf", e.keyporter, strings.TrimPrefix(api.URL, "http://"))
	guards := keyportertest.StartNginx(t, text)
	redirects := keyportertest.StartNginx(t, strings.Replace(text, "location / {", "location / {\nreturn 301 https://shop.example$request_uri;", 1))
	leaks := keyportertest.StartNginx(t, strings.Replace(text, "location / {", "location @open { proxy_pass "+api.URL+"; }\nlocation / { error_page 418 = @open; if ($request_method = PUT) { return 418; }", 1))
	for _, c := range []struct {
		name, proxy, path, echo string
		says                    []string
	}{
		{"the proxy", redirects, "/shop/orders", "", []string{`A call without a token gets 301, a redirect to "https://shop.example/shop/orders".`, "use the address that it redirects to", "--echo shows which"}},
		{"the proxy, with an echo", redirects, "/shop/orders", e.api, []string{`A call with the token gets 301, a redirect to "https://shop.example/shop/orders".`, "use the address that it redirects to"}},
		{"the API", guards, "/shop/orders", "", []string{`A call with the token gets 302, a redirect to "/login".`, "choose a path that answers 200"}},
		{"the API, asked by nobody", guards, "/shop/public", "", []string{`A call without a token gets 302, a redirect to "/login".`}},
		{"the API, by one method", leaks, "/shop/works", "", []string{`Without a token, PUT /shop/works gets 302, a redirect to "/login", and not from Keyporter. If that was the API, it is open.`}},
	} {
		e.api = c.echo
		out, err := e.examine(t, c.proxy, "--url", "http://"+c.proxy+c.path)
		if err == nil || strings.Count(out, "!!") != 1 {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%s: no %q in\n%s", c.name, says, out)
			}
		}
	}
}

// TestTheDoctorRefusesBadArguments gives it arguments that it can't work with.
func TestTheDoctorRefusesBadArguments(t *testing.T) {
	e := newExamined(t)
	file := t.TempDir() + "/token"
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"there is no token":                         {"--token-file", file},
		"no such file":                              {"--token-file", file + "x"},
		"--url must look like":                      {"--url", "http://127.0.0.1:1/"},
		"the proxy at 127.0.0.1:1 can't be reached": {"--url", "http://127.0.0.1:1/shop/orders"},
		"take the API's place":                      {"--echo", e.keyporter},
		"unknown command \"kpu_x\"":                 {"kpu_x"},
	} {
		if _, err := e.examine(t, "127.0.0.1:1", args...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestTheDoctorKnowsWhoRefuses uses a method that the proxy doesn't ask about, and an API that
// doesn't support it.
func TestTheDoctorKnowsWhoRefuses(t *testing.T) {
	e := newExamined(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(api.Close)
	text := keyportertest.Example(t, "../../examples/nginx/keyporter.conf", e.keyporter, strings.TrimPrefix(api.URL, "http://"))
	e.api = "" // without an echo
	if out, err := e.examine(t, keyportertest.StartNginx(t, text)); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	open := "location @open { proxy_pass " + api.URL + "; }\nlocation / { error_page 418 = @open; if ($request_method = POST) { return 418; }"
	out, err := e.examine(t, keyportertest.StartNginx(t, strings.Replace(text, "location / {", open, 1)))
	if err == nil || strings.Count(out, "!!") != 1 || !strings.Contains(out, "Without a token, POST /shop/orders gets 422, and not from Keyporter") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheDoctorPrintsNoControlCharacters has a server impersonate Keyporter.
func TestTheDoctorPrintsNoControlCharacters(t *testing.T) {
	e := newExamined(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("X-Keyporter-Request-Id", "1")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"detail":"\u001b[2JAll is well.","request_id":"1"}`))
	}))
	t.Cleanup(other.Close)
	e.api = ""
	if out, err := e.examine(t, strings.TrimPrefix(other.URL, "http://")); err == nil || strings.Contains(out, "\x1b") || strings.Contains(out, "All is well") {
		t.Errorf("%v\n%q", err, out)
	}
}

// TestTheDoctorLooksForCatchAlls expects a fault if calls to an API's proxy by another API's name
// are checked against the other's routes.
func TestTheDoctorLooksForCatchAlls(t *testing.T) {
	localhost := func(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }
	e := newExamined(t, "localhost") // 127.0.0.1 is Keyporter's own
	text := keyportertest.Example(t, "../../examples/nginx/keyporter.conf", e.keyporter, e.api)
	out, err := e.examine(t, localhost(keyportertest.StartNginx(t, text)))
	if err == nil || strings.Count(out, "!!") != 1 || !strings.Contains(out, "for any host name") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, change := range [][2]string{{"Host              $host;", "Host localhost;"}, {"location / {", "if ($host != localhost) { return 444; }\nlocation / {"}} {
		named := strings.Replace(text, change[0], change[1], 1)
		if out, err := e.examine(t, localhost(keyportertest.StartNginx(t, named))); err != nil || named == text {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
