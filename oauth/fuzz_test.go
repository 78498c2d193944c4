package oauth

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

// FuzzRegisteredAddresses requires each address that passes to lead to the app, as browsers read it.
func FuzzRegisteredAddresses(f *testing.F) {
	app := keyporter.App{RedirectURIs: []string{"https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:8/cb", "http://localhost/cb"}}
	for _, uri := range []string{"https://app.example/cb?x=1", "http://127.0.0.1:99/cb", "http://[::1]/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1\\@evil.example/cb", "HTTP://127.0.0.1/cb", "http://localhost:1@evil.example/cb"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !registered(&app, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, "\\ #") {
			t.Fatalf("%q passes: %v", uri, err)
		}
		switch {
		case uri == app.RedirectURIs[0]:
		case u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost") && u.Path == "/cb" && u.RawQuery == "":
		default:
			t.Fatalf("%q passes", uri)
		}
	})
}

// FuzzScope requires each scope that passes to be well-formed, and to appear once.
func FuzzScope(f *testing.F) {
	for _, text := range []string{"openid a.read", "  a  a", "a\\b", `"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := parseScope(text)
		if err != nil {
			return
		}
		for i, s := range scopes {
			if s == "" || strings.ContainsAny(s, " \"\\") || slices.Contains(scopes[:i], s) {
				t.Fatalf("%q has %q", text, s)
			}
		}
	})
}
