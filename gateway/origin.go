package gateway

import (
	"net/http"
	"strings"
)

// originOf is where the client sent a call that the proxy adapter got: a proof of a key
// names that address (RFC 9449 §4.3). Only a trusted proxy may say that it is another one
// than the one that arrived here.
func originOf(r *http.Request, fromProxy bool) string {
	if fromProxy {
		host := r.Host
		if h := r.Header["X-Forwarded-Host"]; len(h) == 1 && h[0] != "" {
			host = h[0]
		}
		return origin(r.Header.Get("X-Forwarded-Proto"), host, r)
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// origin is what a trusted proxy says of where a call was sent to. Some leave the port
// out of the host, and tell it in a header of its own.
func origin(scheme, host string, r *http.Request) string {
	switch {
	case scheme != "":
		scheme = strings.ToLower(scheme)
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	if port := r.Header.Get("X-Forwarded-Port"); port != "" && (strings.HasSuffix(host, "]") || !strings.Contains(host, ":")) {
		host += ":" + port
	}
	return scheme + "://" + host
}
