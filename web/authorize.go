package web

import "net/http"

// authorizeCookie binds a request of an app to the browser that it came from: else
// somebody could begin one and have another person finish it (RFC 9700 §4.7).
const authorizeCookie = ourCookies + "authorize"

// SetAuthorize has the browser keep value until it is closed.
func SetAuthorize(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	http.SetCookie(w, cookie(authorizeCookie, p.Secure(r), value, 0))
}

// Authorize returns what SetAuthorize had the browser keep, empty when there is nothing.
func Authorize(r *http.Request, p Proxies) string { return kept(r, p, authorizeCookie) }
