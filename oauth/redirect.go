package oauth

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// registered tells whether an address is one of the app's, character by character. Only
// where it is the IP address of the user's own machine the port is free: the app on it
// can't know which one it will get (RFC 8252 §7.3).
func registered(app *keyporter.App, uri string) bool {
	if keyporter.CheckRedirectURI(uri, true) != nil {
		return false
	}
	return slices.ContainsFunc(app.RedirectURIs, func(own string) bool {
		return own == uri || withoutPort(own) != "" && withoutPort(own) == withoutPort(uri)
	})
}

// withoutPort is an http address of the machine itself without its port, empty for any other.
func withoutPort(uri string) string {
	rest, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return ""
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if port := host[i+1:]; port == "" || strings.Trim(port, "0123456789") != "" {
			return ""
		}
		host = host[:i]
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !ip.IsLoopback() || ip.Is6() != strings.HasPrefix(host, "[") {
		return ""
	}
	return host + path
}

// back sends the browser back to the app with the answer, by its address or by a form. It
// is a 303: the browser doesn't send what it sent to us along (RFC 9700 §4.12).
func (s *server) back(w http.ResponseWriter, r *http.Request, params map[string]string) {
	f := flowOf(r.Context())
	params["iss"] = s.Issuer // RFC 9207
	if f.formPost {
		if err := sendForm(w, f.redirectURI, params); err != nil {
			s.Log.Error("send a form", "request_id", f.requestID, "error", err)
		}
		return
	}
	query := url.Values{}
	for name, value := range params {
		query.Set(name, value)
	}
	// What the registered address has in it stays as it is, to the letter.
	to, sep := f.redirectURI, "?"
	if strings.Contains(to, "?") {
		sep = "&"
		if strings.HasSuffix(to, "?") || strings.HasSuffix(to, "&") {
			sep = ""
		}
	}
	w.Header().Set("Location", to+sep+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// refuse tells the app why it gets no code (RFC 6749 §4.1.2.1).
func (s *server) refuse(w http.ResponseWriter, r *http.Request, f fault, state string) {
	params := map[string]string{"error": f.code, "error_description": plain(f.description)}
	if state != "" {
		params["state"] = state
	}
	s.back(w, r, params)
}
