package web_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter/web"
)

// TestHeadersOfStrangers expects an API never to get what overrides the path, and what says where a call came from
// only from a trusted proxy.
func TestHeadersOfStrangers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Originating-Ip", "X-Vercel-Forwarded-For", "Front-End-Https", "X-Scheme", "X-Url-Scheme", "X-Host", "X-Http-Host-Override", "Cdn-Real-Ip", "X-Appengine-Remote-Addr", "X-Custom-Ip-Authorization",
	} {
		if !web.MustStrip(name, false) || web.MustStrip(name, true) || !web.MustStrip(strings.ReplaceAll(name, "-", "_"), true) {
			t.Errorf("%s isn't for proxies alone", name)
		}
	}
	for _, name := range []string{"X-Override-Url", "X-Waws-Unencoded-Url", "X_override_url"} {
		if !web.MustStrip(name, true) {
			t.Errorf("%s passes", name)
		}
	}
}
