package oauth

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

const (
	maxBody  = 64 << 10 // bytes of a request's body
	maxValue = 8 << 10  // bytes of one parameter
	maxCount = 100      // parameters of a request
)

// repeatable tells the parameters that may come more than once (RFC 8707 §2, RFC 8693 §2.1).
func repeatable(name string) bool { return name == "resource" || name == "audience" }

// readForm reads the body of a form.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, invalid("The body must be application/x-www-form-urlencoded.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, invalid("The body is too large or isn't a form.")
	}
	return r.PostForm, nil
}

// checked returns the parameters without those that are empty (RFC 6749 §3.1), and what
// is wrong with them: of two values of one parameter, two programs could each take another.
func checked(in url.Values) (url.Values, error) {
	out := url.Values{}
	var fault error
	if len(in) > maxCount {
		return out, invalid("There are too many parameters.")
	}
	for name, values := range in {
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 && !repeatable(name):
			fault = invalid("A parameter appears twice: " + name + ".")
			continue // neither of them counts
		case slices.ContainsFunc(values, malformed):
			fault = invalid("A parameter is too long or contains characters that aren't text: " + name + ".")
			continue
		}
		out[name] = values
	}
	return out, fault
}

func malformed(v string) bool {
	return len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// withParams returns the request with these parameters in place of its own, in the query
// of a GET or in the body of a POST, and nowhere else.
func withParams(r *http.Request, method string, params url.Values) *http.Request {
	r2 := r.Clone(r.Context())
	r2.Method, r2.Body, r2.ContentLength = method, http.NoBody, 0
	r2.URL.RawQuery, r2.Form, r2.PostForm = "", params, params
	if method == http.MethodGet {
		r2.URL.RawQuery, r2.PostForm = params.Encode(), url.Values{}
	}
	r2.RequestURI = r2.URL.EscapedPath() // by this and the issuer the library knows its own address (RFC 9449 §4.3)
	return r2
}

// scopes reads a list of scopes (RFC 6749 §3.3). None asked for are all that the app may ask for.
func scopesAsked(params url.Values, app *keyporter.App) ([]string, error) {
	text := params.Get("scope")
	if text == "" {
		var all []string
		for _, s := range app.Scopes {
			all = append(all, s.Name)
		}
		return all, nil
	}
	var out []string
	for s := range strings.SplitSeq(text, " ") {
		if s == "" || slices.Contains(out, s) {
			continue
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
			return nil, fault{code: invalidScope, description: "A scope contains characters that scopes can't have."}
		}
		out = append(out, s)
	}
	return out, nil
}

// mayAsk tells whether the app may ask for the scope.
func mayAsk(app *keyporter.App, scope string) bool {
	is := func(name string) bool { return name == scope }
	return slices.ContainsFunc(app.Scopes, func(s keyporter.AppScope) bool { return is(s.Name) }) ||
		slices.ContainsFunc(keyporter.OpenIDScopes(), func(s keyporter.Scope) bool { return is(s.Name) })
}
