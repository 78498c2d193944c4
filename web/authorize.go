package web

import "net/http"

// SetAuthorize stores value in a cookie until the browser is closed. The cookie binds an app's
// authorization request to the browser it came from. Otherwise an attacker could start a
// request and have someone else finish it (RFC 9700 §4.7).
func SetAuthorize(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	http.SetCookie(w, cookie(authorizeCookie, p.Secure(r), value, 0))
}

// Authorize returns the value SetAuthorize stored, or "".
func Authorize(r *http.Request, p Proxies) string { return cookieValue(r, p, authorizeCookie) }
