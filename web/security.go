package web

import "net/http"

// SecurityHeaders adds headers to every response that prevent framing, content sniffing and
// scripts from other sites, and keep the page's address from other sites.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "+
			"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

// StrictTransport has browsers use nothing but HTTPS for a year with a host that they reach by
// HTTPS (RFC 6797).
func StrictTransport(p Proxies, next http.Handler) http.Handler {
	year := []string{"max-age=31536000"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Secure(r) {
			w.Header()[strictTransport] = year
		}
		next.ServeHTTP(w, r)
	})
}

const strictTransport = "Strict-Transport-Security"

// clearSiteData is how a server has browsers forget cookies.
const clearSiteData = "Clear-Site-Data"
