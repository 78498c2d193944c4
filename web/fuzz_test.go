package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
)

// Whatever a request contains, no accepted parameter has two values or a line break.
func FuzzParameters(f *testing.F) {
	for _, query := range []string{"a=1&a=2", "a=&a=1", "resource=a&resource=b", "a=%0d%0a", "a=%ff", "=x", "&&&"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		in, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		out, _ := CheckParameters(in)
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

// Whatever the Authorization header contains, what is accepted is text that a database can store.
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
