package keyporter

import "strings"

// IsRefusedMethod reports whether no API may be called with a method, whatever its routes say.
// CONNECT makes the connection a tunnel for calls that nobody checks, and TRACE echoes headers,
// which a client isn't meant to see after Keyporter or a proxy added them (RFC 9110 §9.3.6, §9.3.8).
// TRACK is what IIS called TRACE. Letter case is ignored, as some servers do.
func IsRefusedMethod(method string) bool {
	return strings.EqualFold(method, "CONNECT") || strings.EqualFold(method, "TRACE") || strings.EqualFold(method, "TRACK")
}
