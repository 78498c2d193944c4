package web

import "net/http"

// The authorize cookie binds a request of an app to the browser that it came from: else
// somebody could begin one and have another person finish it (RFC 9700 §4.7).
const (
	authorizeCookie       = "keyporter-authorize"
	secureAuthorizeCookie = "__Host-" + authorizeCookie
)

// SetAuthorize has the browser keep value until it is closed.
func SetAuthorize(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	c := cookie(p.Secure(r), value, 0)
	c.Name = authorizeName(p.Secure(r))
	http.SetCookie(w, c) //nolint:gosec // as the session cookie is
}

// Authorize returns what SetAuthorize had the browser keep, empty when there is nothing.
func Authorize(r *http.Request, p Proxies) string {
	c, err := r.Cookie(authorizeName(p.Secure(r)))
	if err != nil {
		return ""
	}
	return c.Value
}

func authorizeName(secure bool) string {
	if secure {
		return secureAuthorizeCookie
	}
	return authorizeCookie
}
