package web

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The cookies. Over HTTPS, their names have the prefix __Host-, so that browsers only accept
// them from this host over HTTPS (RFC 6265bis §4.1.3.2). Plain HTTP is only for development on
// one's own machine.
const (
	ourCookies      = "keyporter-"
	sessionCookie   = ourCookies + "session"
	signInCookie    = ourCookies + "sign-in"
	authorizeCookie = ourCookies + "authorize"
	browserCookie   = ourCookies + "browser"
	secretCookie    = ourCookies + "secret"
	securePrefix    = "__Host-"
)

// SetSession stores value in the session cookie until the browser is closed.
func SetSession(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	http.SetCookie(w, cookie(sessionCookie, p.Secure(r), value, 0))
}

// ClearSession deletes the session cookie.
func ClearSession(w http.ResponseWriter, r *http.Request, p Proxies) {
	http.SetCookie(w, cookie(sessionCookie, p.Secure(r), "", -1))
}

// SetSignIn stores the state of a sign-in through an identity provider in a cookie for ten
// minutes. An empty value deletes the cookie.
func SetSignIn(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	age := 600
	if value == "" {
		age = -1
	}
	http.SetCookie(w, cookie(signInCookie, p.Secure(r), value, age))
}

// SetBrowser stores who has signed in with this browser, for as long as maxAge.
func SetBrowser(w http.ResponseWriter, r *http.Request, p Proxies, value string, maxAge time.Duration) {
	http.SetCookie(w, cookie(browserCookie, p.Secure(r), value, int(maxAge.Seconds())))
}

// Browser returns the value SetBrowser stored, or "".
func Browser(r *http.Request, p Proxies) string { return cookieValue(r, p, browserCookie) }

// SetSecret stores a sealed secret until the next page shows it, for two minutes at most. An empty value deletes it.
func SetSecret(w http.ResponseWriter, r *http.Request, p Proxies, value string) {
	age := 120
	if value == "" {
		age = -1
	}
	http.SetCookie(w, cookie(secretCookie, p.Secure(r), value, age))
}

// Secret returns the value SetSecret stored, or "".
func Secret(r *http.Request, p Proxies) string { return cookieValue(r, p, secretCookie) }

func cookie(name string, isSecure bool, value string, maxAge int) *http.Cookie {
	if isSecure {
		name = securePrefix + name
	}
	return &http.Cookie{ //nolint:gosec // Secure follows the scheme, because development uses plain HTTP
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: isSecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Session returns the value SetSession stored, or "".
func Session(r *http.Request, p Proxies) string { return cookieValue(r, p, sessionCookie) }

// SignIn returns the value SetSignIn stored, or "".
func SignIn(r *http.Request, p Proxies) string { return cookieValue(r, p, signInCookie) }

// cookieValue returns the value of a cookie, or "". Over HTTPS it ignores cookies without the
// prefix, which an attacker on the network could have set over plain HTTP.
func cookieValue(r *http.Request, p Proxies, name string) string {
	c, err := r.Cookie(cookie(name, p.Secure(r), "", 0).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// removeOwnCookies removes Keyporter's cookies from the Cookie headers, so that they can be
// forwarded.
func removeOwnCookies(header http.Header) {
	lines := header["Cookie"]
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(strings.ToLower(l), ourCookies) }) {
		return
	}
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
			if name = strings.TrimSpace(name); name != "" && !isOwnCookie(name) {
				kept = append(kept, strings.TrimSpace(part))
			}
		}
	}
	header.Del("Cookie")
	if len(kept) > 0 {
		header.Set("Cookie", strings.Join(kept, "; "))
	}
}

// isOwnCookie reports whether a cookie with this name is one of Keyporter's.
func isOwnCookie(name string) bool {
	return slices.ContainsFunc([]string{sessionCookie, signInCookie, authorizeCookie, browserCookie, secretCookie}, func(own string) bool {
		return strings.EqualFold(name, own) || strings.EqualFold(name, securePrefix+own)
	})
}
