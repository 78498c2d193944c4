package keyporter

import "strings"

// IsRefusedMethod reports whether no API may be called with a method, whatever its routes say.
// CONNECT makes the connection a tunnel for calls that nobody checks, and TRACE echoes headers,
// which a client isn't meant to see after Keyporter or a proxy added them (RFC 9110 §9.3.6, §9.3.8).
// TRACK is what IIS called TRACE. Letter case is ignored, as some servers do.
func IsRefusedMethod(method string) bool {
	return strings.EqualFold(method, "CONNECT") || strings.EqualFold(method, "TRACE") || strings.EqualFold(method, "TRACK")
}

// OverrideHeaderNames returns the usual names of the headers with which some servers let a client override the path
// or method that was checked. No API may get them from a client.
func OverrideHeaderNames() []string {
	return []string{
		"X-Original-Url", "X-Original-Uri", "X-Original-Method", "X-Rewrite-Url", "X-Override-Url", "X-Waws-Unencoded-Url",
		"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Override-Method",
	}
}
