package oauth

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxBody  = 64 << 10 // bytes of a request's body
	maxValue = 8 << 10  // bytes of one parameter
	maxCount = 100      // parameters of a request
)

// repeatable tells which parameters may come more than once (RFC 8707 §2, RFC 8693 §2.1).
func repeatable(name string) bool { return name == "resource" || name == "audience" }

// readForm reads and checks the parameters in the body.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	in, err := rawForm(w, r)
	if err != nil {
		return nil, err
	}
	return checked(in)
}

func rawForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
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

// checked returns the parameters without those that are empty (RFC 6749 §3.1), and what is
// wrong with them: if a parameter had two values, two programs could each take another.
func checked(in url.Values) (url.Values, error) {
	out := url.Values{}
	var wrong error
	if len(in) > maxCount {
		return out, invalid("There are too many parameters.")
	}
	for name, values := range in {
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 && !repeatable(name):
			wrong = invalid("A parameter appears twice: " + name + ".")
			continue // neither of them counts
		case slices.ContainsFunc(values, malformed):
			wrong = invalid("A parameter is too long or contains characters that aren't text: " + name + ".")
			continue
		}
		out[name] = values
	}
	return out, wrong
}

func malformed(v string) bool {
	return len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// isThumbprint tells whether a text can be a SHA-256 in base64url.
func isThumbprint(text string) bool {
	return len(text) == 43 && !strings.ContainsFunc(text, func(r rune) bool { return !unreserved(r) || r == '.' || r == '~' })
}

// isVerifier tells whether a text can be a code verifier (RFC 7636 §4.1).
func isVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool { return !unreserved(r) })
}

// unreserved are the characters of RFC 3986 §2.3.
func unreserved(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}
