package web_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/web"
)

// TestWhereARequestComesFrom has the client's address, its scheme, and the host it names, in front of
// chains of proxies that write them in different ways.
func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	trusted := proxies(t, "127.0.0.1", "10.0.0.0/8", "2001:db8::/32")
	for headers, want := range map[string]string{
		"":                                                                "127.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7:51234":                              "203.0.113.7 http own.example",
		"X-Forwarded-For: [2001:470::7]:443":                              "2001:470::7 http own.example",
		"X-Forwarded-For: [2001:470::7]":                                  "2001:470::7 http own.example",
		"X-Forwarded-For: 2001:470::7":                                    "2001:470::7 http own.example",
		"X-Forwarded-For: fe80::1%eth0":                                   "fe80::1 http own.example",
		`X-Forwarded-For: "[2001:470::7]:443"`:                            "2001:470::7 http own.example",
		"X-Forwarded-For: [::ffff:203.0.113.7]:1":                         "203.0.113.7 http own.example",
		"X-Forwarded-For: 203.0.113.7:51234, 10.0.0.1:80":                 "203.0.113.7 http own.example",
		"X-Forwarded-For: 203.0.113.7,, ":                                 "203.0.113.7 http own.example",
		"X-Forwarded-For: 1.1.1.1|X-Forwarded-For: 203.0.113.7, 10.0.0.1": "203.0.113.7 http own.example",
		"X-Forwarded-For: unknown, 10.0.0.1":                              "10.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7:x":                                  "127.0.0.1 http own.example",
		"X-Forwarded-For: [2001:470::7]x":                                 "127.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7:123456":                             "127.0.0.1 http own.example",

		// A list of schemes and hosts has an entry for each of the addresses, or one that nobody appended to.
		"X-Forwarded-Proto: https":                                                                          "127.0.0.1 https own.example",
		"X-Forwarded-Proto: https,http":                                                                     "127.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7, 10.0.0.1|X-Forwarded-Proto: https,http":                              "203.0.113.7 https own.example",
		"X-Forwarded-For: 203.0.113.7, 10.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Proto: http":           "203.0.113.7 https own.example",
		"X-Forwarded-For: 203.0.113.7, 10.0.0.1|X-Forwarded-Proto: https":                                   "203.0.113.7 https own.example",
		"X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.1|X-Forwarded-Proto: https, http, https":             "203.0.113.7 http own.example",
		"X-Forwarded-For: 203.0.113.7, 10.0.0.1|X-Forwarded-Host: evil.example, api.example, proxy.example": "203.0.113.7 http api.example",
		"X-Forwarded-Host: api.example":                                                                     "127.0.0.1 http api.example",

		`Forwarded: for=203.0.113.7;proto=https;host=api.example`:                                             "203.0.113.7 https api.example",
		`Forwarded: For="[2001:470::7]:4711";Proto=HTTPS;Host="api.example:8443"`:                             "2001:470::7 https api.example:8443",
		`Forwarded: for=1.1.1.1;host=evil.example, for=203.0.113.7;proto=https;by=x, for=10.0.0.1;proto=http`: "203.0.113.7 https own.example",
		`Forwarded: for=203.0.113.7|Forwarded: for=10.0.0.1`:                                                  "203.0.113.7 http own.example",
		`Forwarded: for=1.1.1.1;host=", for=203.0.113.7`:                                                      "203.0.113.7 http own.example",
		`Forwarded: for="1.1.1.1, for=203.0.113.7"`:                                                           "127.0.0.1 http own.example",
		`Forwarded: for=_hidden;proto=https`:                                                                  "127.0.0.1 https own.example",
		`Forwarded: for=unknown, for=10.0.0.1`:                                                                "10.0.0.1 http own.example",
		`Forwarded: for="203.0.113.7:_port"`:                                                                  "203.0.113.7 http own.example",
		`Forwarded: for=203.0.113.7;for=1.1.1.1`:                                                              "127.0.0.1 http own.example",
		`Forwarded: for="203.0.113.\7"`:                                                                       "127.0.0.1 http own.example",
		`Forwarded: 203.0.113.7`:                                                                              "127.0.0.1 http own.example",

		// What the two kinds of headers disagree about isn't believed, nor what only the client can have written.
		"X-Forwarded-For: 203.0.113.7|Forwarded: for=203.0.113.7":                                "203.0.113.7 http own.example",
		"X-Forwarded-For: 203.0.113.7|Forwarded: for=1.1.1.1":                                    "127.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7|Forwarded: for=unknown":                                    "127.0.0.1 http own.example",
		"X-Forwarded-For: 203.0.113.7|Forwarded: proto=https;host=own.example":                   "203.0.113.7 http own.example",
		"X-Forwarded-For: 203.0.113.7|X-Forwarded-Host: a_b.example|Forwarded: host=A_b.example": "203.0.113.7 http a_b.example",
		// A host that they disagree about is refused, and so is what isn't one.
		"X-Forwarded-For: 203.0.113.7|Forwarded: proto=https;host=evil.example":                                "203.0.113.7 http refused",
		"X-Forwarded-Proto: http|Forwarded: host=evil.example":                                                 "127.0.0.1 http refused",
		"X-Forwarded-Host: api.example|Forwarded: host=evil":                                                   "127.0.0.1 http refused",
		"X-Forwarded-Host: api.example|Forwarded: host=own.example":                                            "127.0.0.1 http refused",
		"X-Forwarded-Host: own.example|Forwarded: for=203.0.113.7;host=api.example":                            "127.0.0.1 http refused",
		"X-Forwarded-Host: api.example@x":                                                                      "127.0.0.1 http refused",
		"Forwarded: host=\"api.example/x\"":                                                                    "127.0.0.1 http refused",
		"X-Forwarded-For: 203.0.113.7|X-Forwarded-Host: api.example|Forwarded: for=203.0.113.7;host=b.example": "203.0.113.7 http refused",
	} {
		var lines []string
		if headers != "" {
			lines = strings.Split(headers, "|")
		}
		r := request("127.0.0.1:99", lines...)
		r.Host = "own.example"
		scheme := "http"
		if trusted.Secure(r) {
			scheme = "https"
		}
		host := "refused"
		if call, ok := trusted.WithHost(r); ok {
			host = call.Host
		}
		if got := trusted.ClientAddr(r) + " " + scheme + " " + host; got != want {
			t.Errorf("%s: %q, want %q", headers, got, want)
		}
		r.RemoteAddr = "192.0.2.1:9"
		if call, ok := trusted.WithHost(r); trusted.ClientAddr(r) != "192.0.2.1" || trusted.Secure(r) || !ok || call.Host != "own.example" {
			t.Errorf("%s is believed from a stranger", headers)
		}
	}
}

func TestAnHTTPSAddressDecidesAboutCookies(t *testing.T) {
	t.Parallel()
	p := proxies(t, "127.0.0.1")
	p.HTTPS = true
	if !p.Secure(request("127.0.0.1:9", "X-Forwarded-Proto: http")) || !p.Secure(request("192.0.2.1:9")) {
		t.Error("a cookie would be sent without Secure")
	}
}

func TestNotEveryoneIsATrustedProxy(t *testing.T) {
	t.Parallel()
	for _, all := range []string{"0.0.0.0/0", "::/0", "10.0.0.0/0"} {
		if _, err := web.ParseProxies([]string{"127.0.0.1", all}); err == nil {
			t.Errorf("%s is accepted", all)
		}
	}
}

// FuzzForwarded expects that whatever a client sends, nothing in front of what the proxies append changes
// the client's address, and that there is always a valid one.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"1.1.1.1", `for="[::1]:1";proto=https`, `"`, `for=";host=`, ",,", "[", "a, 10.0.0.1", `\`, "unknown", "_x"} {
		f.Add(s, s)
	}
	trusted, err := web.ParseProxies([]string{"127.0.0.1", "10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent, other string) {
		for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
			prefix := ""
			if header == "Forwarded" {
				prefix = "for="
			}
			r := request("127.0.0.1:9")
			r.Header[header] = []string{sent, prefix + "203.0.113.7:5, " + prefix + "10.0.0.1"}
			if got := trusted.ClientAddr(r); got != "203.0.113.7" {
				t.Errorf("%s: %q is believed: the client is at %q", header, sent, got)
			}
		}
		r := request("127.0.0.1:9")
		r.Header["X-Forwarded-For"], r.Header["Forwarded"] = []string{sent}, []string{other}
		r.Header["X-Forwarded-Proto"] = []string{other}
		addr := trusted.ClientAddr(r)
		if a, err := netip.ParseAddr(addr); err != nil || a.String() != addr {
			t.Errorf("%q and %q: the client is at %q", sent, other, addr)
		}
		_, _ = trusted.WithHost(r)
		_ = trusted.Secure(r)
	})
}
