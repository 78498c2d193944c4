package oauth

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

// Whatever an address looks like: what passes leads, as browsers read it, to where the app is.
func FuzzRegisteredAddresses(f *testing.F) {
	app := keyporter.App{RedirectURIs: []string{"https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:8/cb"}}
	for _, uri := range []string{"https://app.example/cb?x=1", "http://127.0.0.1:99/cb", "http://[::1]/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1\\@evil.example/cb", "HTTP://127.0.0.1/cb"} {
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
		case u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1") && u.Path == "/cb" && u.RawQuery == "":
		default:
			t.Fatalf("%q passes", uri)
		}
	})
}

// Whatever a request has in it: no parameter that passes has two values or a line break in it.
func FuzzParameters(f *testing.F) {
	for _, query := range []string{"a=1&a=2", "a=&a=1", "resource=a&resource=b", "a=%0d%0a", "a=%ff", "=x", "&&&"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		in, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		out, _ := checked(in)
		for name, values := range out {
			if len(values) != 1 && !repeatable(name) {
				t.Fatalf("%q has %d values", name, len(values))
			}
			for _, v := range values {
				if v == "" || malformed(v) {
					t.Fatalf("%q is %q", name, v)
				}
			}
		}
	})
}

// Whatever is in the Authorization header: what passes is text that a database takes.
func FuzzBasic(f *testing.F) {
	for _, text := range []string{"app:secret", "a%20b+c:%25", ":", "app", "%00:x", "a:b:c"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{Header: http.Header{"Authorization": {"Basic " + text}}}
		id, secret, ok, err := basicAuth(r)
		if err == nil && (!ok || id == "" || malformed(id) || malformed(secret)) {
			t.Fatalf("%q is %q and %q", text, id, secret)
		}
	})
}

// Whatever scopes a request names: each that passes is one, and comes once.
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
