package oauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// destination is where the answer to a request goes.
type destination struct {
	RedirectURI string
	State       string `json:",omitempty"` // returned to the app as it is
	FormPost    bool   `json:",omitempty"` // the answer is sent by a form (response_mode=form_post)
}

// readDestination reads where the answer goes: to one of the app's addresses, and nowhere else.
func readDestination(in url.Values, app *keyporter.App) (destination, error) {
	uri := in.Get("redirect_uri")
	if !registered(app, uri) {
		return destination{}, web.Invalid("redirect_uri is missing, appears twice, or doesn't exactly match an address the app is registered with.")
	}
	return destination{RedirectURI: uri, State: in.Get("state"), FormPost: in.Get("response_mode") == "form_post"}, nil
}

// registered reports whether an address is one of the app's, character by character. Only the
// port of the user's own machine is free: an app there can't know which port it will get (RFC 8252
// §7.3; RFC 9700 §4.1.3 for localhost, which many apps register).
func registered(app *keyporter.App, uri string) bool {
	if keyporter.CheckRedirectURI(uri, true) != nil {
		return false
	}
	return slices.ContainsFunc(app.RedirectURIs, func(own string) bool {
		return own == uri || withoutPort(own) != "" && withoutPort(own) == withoutPort(uri)
	})
}

// withoutPort returns an http address of the user's own machine without its port, or "" for any
// other address.
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
	if host == "localhost" {
		return host + path
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !ip.IsLoopback() || ip.Is6() != strings.HasPrefix(host, "[") {
		return ""
	}
	return host + path
}

// back sends the browser back to the app with the answer, in the address or by a form. It
// redirects with 303, so that the browser doesn't repeat there what it sent here (RFC 9700 §4.12).
func (s *server) back(w http.ResponseWriter, to destination, params map[string]string) error {
	params["iss"] = s.Issuer // RFC 9207
	if to.State != "" {
		params["state"] = to.State
	}
	if to.FormPost {
		return sendForm(w, to.RedirectURI, params)
	}
	query := url.Values{}
	for name, value := range params {
		query.Set(name, value)
	}
	// The registered address stays as it is, character by character.
	at, sep := to.RedirectURI, "?"
	if strings.Contains(at, "?") {
		sep = "&"
		if strings.HasSuffix(at, "?") || strings.HasSuffix(at, "&") {
			sep = ""
		}
	}
	w.Header().Set("Location", at+sep+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// sendBack tells the app why it gets no code (RFC 6749 §4.1.2.1).
func (s *server) sendBack(w http.ResponseWriter, to destination, f web.OAuthError) error {
	return s.back(w, to, map[string]string{"error": f.Code, "error_description": f.Plain()})
}

// formScript sends the form. The page's policy has its hash, so that nothing else on the page runs.
const formScript = `document.forms[0].submit()`

var formPage = template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Back to the app · Keyporter</title>
<form method="post" action="{{.To}}">
{{range $name, $value := .Params}}<input type="hidden" name="{{$name}}" value="{{$value}}">
{{end}}<button>Back to the app</button>
</form>
<script>` + formScript + `</script>
</html>
`))

// sendForm makes the browser post the parameters to the app (OAuth 2.0 Form Post Response Mode).
func sendForm(w http.ResponseWriter, to string, params map[string]string) error {
	var page bytes.Buffer
	err := formPage.Execute(&page, struct {
		To     template.URL
		Params map[string]string
	}{template.URL(to), params}) //nolint:gosec // it is registered, and schemes that run scripts can't be
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(formScript))
	h := w.Header()
	// There is no form-action, because it would also apply to redirects by the app that gets the form.
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // only fails if the browser is gone
	return nil
}
