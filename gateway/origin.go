package gateway

import (
	"net/http"
	"strings"
)

// originOf returns the origin to which the client sent a call that the reverse proxy got. A DPoP
// proof names that address (RFC 9449 §4.3). Only a trusted proxy may say that it differs from the
// one that arrived here.
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

// origin returns where a call was sent, according to a trusted proxy. Some proxies leave the port
// out of the host, and send it in a separate header.
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
