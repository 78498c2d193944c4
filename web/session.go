package web

import (
	"net/http"
	"slices"
	"strings"
)

// The cookies. Over HTTPS its name has the prefix __Host-, with which browsers
// accept it from this host and path only, and from nowhere over plain HTTP (RFC 6265bis
// §4.1.3.2). Plain HTTP is for one's own machine.
const (
	ourCookies    = "keyporter-"
	sessionCookie = ourCookies + "session"
	signInCookie  = ourCookies + "sign-in"
	secure        = "__Host-"
)

// SetSession has the browser keep value until it is closed.
func SetSession(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	http.SetCookie(w, cookie(sessionCookie, p.Secure(r), value, 0))
}

// ClearSession has the browser forget the session.
func ClearSession(w http.ResponseWriter, r *http.Request, p Proxies) {
	http.SetCookie(w, cookie(sessionCookie, p.Secure(r), "", -1))
}

// SetSignIn has the browser keep a sign-in that is on its way to a provider, for ten minutes; empty forgets it.
func SetSignIn(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	age := 600
	if value == "" {
		age = -1
	}
	http.SetCookie(w, cookie(signInCookie, p.Secure(r), value, age))
}

func cookie(name string, isSecure bool, value string, maxAge int) *http.Cookie {
	if isSecure {
		name = secure + name
	}
	return &http.Cookie{ //nolint:gosec // Secure follows the scheme: one's own machine has plain HTTP
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: isSecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Session returns what SetSession had the browser keep, empty when there is nothing.
func Session(r *http.Request, p Proxies) string { return kept(r, p, sessionCookie) }

// SignIn returns what SetSignIn had the browser keep, empty when there is nothing.
func SignIn(r *http.Request, p Proxies) string { return kept(r, p, signInCookie) }

// kept returns the value of a cookie. Over HTTPS the one without the prefix doesn't
// count: somebody on the way could have set it.
func kept(r *http.Request, p Proxies, name string) string {
	c, err := r.Cookie(cookie(name, p.Secure(r), "", 0).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// WithoutSession takes the session cookie out of Cookie headers, which then can be passed on.
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
	return slices.ContainsFunc([]string{sessionCookie, signInCookie, authorizeCookie}, func(own string) bool {
		return strings.EqualFold(name, own) || strings.EqualFold(name, secure+own)
	})
}
