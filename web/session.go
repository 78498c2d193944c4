package web

import (
	"net/http"
	"slices"
	"strings"
)

// The session cookie. Over HTTPS its name has the prefix __Host-, with which browsers
// accept it from this host and path only, and from nowhere over plain HTTP (RFC 6265bis
// §4.1.3.2). Plain HTTP is for one's own machine.
const (
	ourCookies          = "keyporter-"
	sessionCookie       = ourCookies + "session"
	secureSessionCookie = "__Host-" + sessionCookie
)

// SetSession has the browser keep value until it is closed.
func SetSession(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	http.SetCookie(w, cookie(p.Secure(r), value, 0))
}

// ClearSession has the browser forget the session.
func ClearSession(w http.ResponseWriter, r *http.Request, p Proxies) {
	http.SetCookie(w, cookie(p.Secure(r), "", -1))
}

func cookie(secure bool, value string, maxAge int) *http.Cookie {
	name := sessionCookie
	if secure {
		name = secureSessionCookie
	}
	return &http.Cookie{ //nolint:gosec // Secure follows the scheme: one's own machine has plain HTTP
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Session returns what SetSession had the browser keep, empty when there is nothing.
// Over HTTPS the cookie without the prefix doesn't count: somebody on the way could have set it.
func Session(r *http.Request, p Proxies) string {
	c, err := r.Cookie(cookie(p.Secure(r), "", 0).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// WithoutSession takes our cookies out of Cookie headers, which then can be passed on.
func WithoutSession(header http.Header) {
	lines := header["Cookie"]
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(strings.ToLower(l), ourCookies) }) {
		return
	}
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
			if name = strings.TrimSpace(name); name != "" && !IsSessionCookie(name) {
				kept = append(kept, strings.TrimSpace(part))
			}
		}
	}
	header.Del("Cookie")
	if len(kept) > 0 {
		header.Set("Cookie", strings.Join(kept, "; "))
	}
}

// IsSessionCookie tells whether a cookie of that name is ours.
func IsSessionCookie(name string) bool {
	name = strings.ToLower(name)
	return name == sessionCookie || name == authorizeCookie || name == strings.ToLower(secureSessionCookie) || name == strings.ToLower(secureAuthorizeCookie)
}
