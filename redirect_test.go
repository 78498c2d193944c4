package keyporter_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestRedirectURIs(t *testing.T) {
	for uri, want := range map[string]string{ // which apps may use it: any, only public ones, or none
		"https://app.example.com/callback":           "any",
		"https://app.example.com":                    "any",
		"https://app.example.com:8443/cb?a=b":        "any",
		"HTTPS://APP.example.com/cb":                 "any",
		"https://192.0.2.7/cb":                       "any",
		"http://127.0.0.1/cb":                        "any",
		"http://127.0.0.1:1/cb":                      "any",
		"http://[::1]:8080/cb":                       "any",
		"http://localhost/cb":                        "any",
		"http://127.9.9.9/cb":                        "any",
		"com.example.app:/callback":                  "public",
		"com.example.app://callback":                 "public",
		"com.example.app:callback":                   "public",
		"":                                           "none",
		"/callback":                                  "none",
		"app.example.com/callback":                   "none",
		"//app.example.com/cb":                       "none",
		"https:///cb":                                "none",
		"https:app.example.com":                      "none",
		"https://":                                   "none",
		"https://app.example.com/cb#":                "none",
		"https://app.example.com/cb#x":               "none",
		"https://user@app.example.com/cb":            "none",
		"https://user:pw@app.example.com/":           "none",
		"https://@app.example.com/":                  "none",
		"https://*.example.com/cb":                   "none",
		"https://app.example.com/*":                  "none",
		"https://app.example.com:99999/":             "none",
		"https://app.example.com:0/":                 "none",
		"https://app.example.com:/":                  "none",
		"https://app.example.com:x/":                 "none",
		"http://app.example.com/cb":                  "none",
		"http://127.0.0.1.evil.example/cb":           "none",
		"http://localhost.evil.example/cb":           "none",
		"http://[::1%25eth0]/cb":                     "none",
		"http://0.0.0.0/cb":                          "none",
		"http://2130706433/cb":                       "none",
		"javascript:alert(1)":                        "none",
		"data:text/html,x":                           "none",
		"mailto:a@b.example":                         "none",
		"myapp:/callback":                            "none",
		"com.example.app:":                           "none",
		"com.example.app:///":                        "none",
		"https://app.example.com/a b":                "none",
		" https://app.example.com/":                  "none",
		"https://app.example.com/\r\nSet-Cookie:a=b": "none",
		"https://app.example.com\\@evil.example/":    "none",
		"https://äpp.example.com/":                   "none",
		"https://app.example.com/%zz":                "none",
		"https://app.example.com/\x00":               "none",
		"https://a.example/" + strings.Repeat("x", keyporter.MaxURLLen): "none",
	} {
		for _, public := range []bool{false, true} {
			err := keyporter.CheckRedirectURI(uri, public)
			if allowed := want == "any" || want == "public" && public; (err == nil) != allowed {
				t.Errorf("%q, public %v: %v", uri, public, err)
			}
			if err != nil && (keyporter.KindOf(err) != keyporter.Invalid || len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\r\n\x00")) {
				t.Errorf("%q: the error is %q", uri, err)
			}
		}
	}
}

func TestHTTPSAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"": true, "https://example.com": true, "https://example.com/a?b=c": true,
		"http://example.com": false, "https://": false, "example.com": false, "javascript:alert(1)": false, "https://u@example.com": false,
		"https://example.com/#x": false, "https://example.com/\n": false, "https://example.com:99999/": false,
	} {
		if err := keyporter.CheckHTTPS("home_page", address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
