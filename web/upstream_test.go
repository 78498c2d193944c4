package web_test

import (
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
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
	for _, name := range append(keyporter.OverrideHeaderNames(),
		"X_override_url", "Method-Override", "X-Verb-Override", "X-Http-Override-Method", "X-Original-Anything", "X-Override-Path", "X-Rewrite-Uri",
		"Content_length", "Transfer_encoding", "X_forwarded_for", "Host_", "If_none_match", "X-Some_thing", "X.some.thing", "Some~thing",
	) {
		if !web.MustStrip(name, true) {
			t.Errorf("%s passes", name)
		}
	}
	for _, name := range []string{"X-Custom", "X-Payment-Method", "X-Overrides", "Access-Control-Request-Method", "X-Http-2", "Etag", "X-Origin", "Sec-Websocket-Key"} {
		if web.MustStrip(name, false) {
			t.Errorf("%s doesn't pass", name)
		}
	}
}
