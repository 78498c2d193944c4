package web_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

func proxies(t *testing.T, addresses ...string) web.Proxies {
	t.Helper()
	p, err := web.ParseProxies(addresses)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(remote string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestClientAddr(t *testing.T) {
	trusted := proxies(t, "127.0.0.1", "10.0.0.0/8", "2001:db8::/32")
	for _, c := range []struct {
		remote, forwarded, want string
	}{
		{"192.0.2.1:99", "", "192.0.2.1"},
		{"192.0.2.1:99", "X-Forwarded-For: 203.0.113.1", "192.0.2.1"},
		{"127.0.0.1:99", "", "127.0.0.1"},
		{"127.0.0.1:99", "X-Forwarded-For: 203.0.113.1", "203.0.113.1"},
		{"127.0.0.1:99", "X-Forwarded-For: 1.1.1.1, 203.0.113.1", "203.0.113.1"},
		{"127.0.0.1:99", "X-Forwarded-For: 203.0.113.1, 10.1.2.3,10.9.9.9", "203.0.113.1"},
		{"127.0.0.1:99", "X-Forwarded-For: nonsense", "127.0.0.1"},
		{"127.0.0.1:99", "X-Forwarded-For: 203.0.113.1, nonsense", "127.0.0.1"},
		{"127.0.0.1:99", "X-Forwarded-For: 10.1.1.1", "10.1.1.1"},
		{"[2001:db8::1]:99", "X-Forwarded-For: 2001:470::7", "2001:470::7"},
		{"[::ffff:127.0.0.1]:99", "X-Forwarded-For: ::ffff:203.0.113.1", "203.0.113.1"},
		{"[fe80::1%eth0]:99", "X-Forwarded-For: 203.0.113.1", "fe80::1"},
		{"@", "", ""},
	} {
		r := request(c.remote)
		if c.forwarded != "" {
			r = request(c.remote, c.forwarded)
		}
		if got := trusted.ClientAddr(r); got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
	if got := (web.Proxies{}).ClientAddr(request("127.0.0.1:9", "X-Forwarded-For: 203.0.113.1")); got != "127.0.0.1" {
		t.Errorf("no proxy is trusted, but the client is at %q", got)
	}
	for _, bad := range []string{"everybody", "10.0.0.0/33", "", "127.0.0.1:80"} {
		if _, err := web.ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q is accepted as a proxy", bad)
		}
	}
}

func TestSecureBehindProxies(t *testing.T) {
	trusted := proxies(t, "127.0.0.1")
	direct := request("192.0.2.1:9")
	direct.TLS = &tls.ConnectionState{}
	for what, c := range map[string]struct {
		r    *http.Request
		want bool
	}{
		"direct":             {direct, true},
		"plain":              {request("192.0.2.1:9"), false},
		"a proxy says so":    {request("127.0.0.1:9", "X-Forwarded-Proto: HTTPS"), true},
		"a proxy denies":     {request("127.0.0.1:9", "X-Forwarded-Proto: http"), false},
		"a stranger says so": {request("192.0.2.1:9", "X-Forwarded-Proto: https"), false},
	} {
		if got := trusted.Secure(c.r); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestTheSessionCookie(t *testing.T) {
	trusted := proxies(t, "127.0.0.1")
	plain, secure := request("192.0.2.1:9"), request("127.0.0.1:9", "X-Forwarded-Proto: https")
	for r, want := range map[*http.Request]string{
		plain:  "keyporter-session=v; Path=/; HttpOnly; SameSite=Lax",
		secure: "__Host-keyporter-session=v; Path=/; HttpOnly; Secure; SameSite=Lax",
	} {
		w := httptest.NewRecorder()
		web.SetSession(w, r, trusted, "v")
		if got := w.Header().Get("Set-Cookie"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	w := httptest.NewRecorder()
	web.SetBrowser(w, secure, trusted, "v", time.Hour)
	if got := w.Header().Get("Set-Cookie"); got != "__Host-keyporter-browser=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("the cookie of a known browser is %q", got)
	}
	// An attacker between browser and proxy set the cookie that plain HTTP uses.
	secure.Header.Set("Cookie", "keyporter-session=planted")
	if got := web.Session(secure, trusted); got != "" {
		t.Errorf("over HTTPS, the plain cookie is accepted: %q", got)
	}
	plain.Header.Set("Cookie", "keyporter-session=v")
	if got := web.Session(plain, trusted); got != "v" {
		t.Errorf("Session = %q", got)
	}
}

func TestOwnCookiesAreNotForwarded(t *testing.T) {
	for in, want := range map[string]string{
		"a=1; b=2":                                 "a=1; b=2",
		"a=1; keyporter-session=x; b=2":            "a=1; b=2",
		"__Host-keyporter-session=x; a=1":          "a=1",
		" keyporter-session =x;a=1":                "a=1",
		"a=keyporter-session":                      "a=keyporter-session",
		"keyporter-session=x; keyporter-session=y": "",
		"__Host-keyporter-browser=x; keyporter-browser=y; keyporter-sign-in=z; keyporter-authorize=z; __Host-keyporter-secret=s; keyporter-secret=s; a=1": "a=1",
	} {
		call := request("192.0.2.1:9", "Cookie: "+in)
		p := &httputil.ProxyRequest{In: call, Out: call.Clone(t.Context())}
		web.RewriteRequest(p, web.Proxies{}, &url.URL{}, "/", "")
		if got := p.Out.Header.Get("Cookie"); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := web.NewRequestID()
		if seen[id] || len(id) != 24 {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}

// retryAfter returns when a program that gets e is to try again.
func retryAfter(t *testing.T, e web.OAuthError) string {
	rec := httptest.NewRecorder()
	web.WriteOAuthError(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), e)
	return rec.Header().Get("Retry-After")
}

// TestOnlyClientAuthenticationIsInvalidClient has the same error come from elsewhere, where it
// is a fault of ours, and nothing of it gets out.
func TestOnlyClientAuthenticationIsInvalidClient(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	err := keyporter.Refuse(keyporter.Unauthorized, "Who is it?")
	as := func(err error) web.OAuthError {
		return web.AsOAuthError(err, slog.New(slog.NewTextHandler(&log, nil)), "r1")
	}
	if got := as(web.AsClientError(err)); got.Code != "invalid_client" || got.StatusCode() != http.StatusUnauthorized || got.Description != "Who is it?" || log.Len() > 0 {
		t.Errorf("an app that didn't prove its identity: %+v, %s", got, &log)
	}
	got := as(fmt.Errorf("elsewhere: %w", err))
	if got.Code != "server_error" || got.StatusCode() != http.StatusInternalServerError || got.Description != "Request r1." || !strings.Contains(log.String(), "Who is it?") {
		t.Errorf("from elsewhere: %+v, %s", got, &log)
	}
	if got := as(&keyporter.Error{Kind: keyporter.TooMany, Message: "Too many attempts.", RetryAfter: 90*time.Second - 1}); got.Code != "temporarily_unavailable" || retryAfter(t, got) != "90" {
		t.Errorf("too many attempts: %+v", got)
	}
	if other := errors.New("x"); web.AsClientError(other) != other || web.AsClientError(nil) != nil { //nolint:errorlint // the same one
		t.Error("another error becomes one of the app's")
	}
}
