package web

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxForm  = 64 << 10 // bytes of a form
	maxValue = 8 << 10  // bytes of one parameter
	maxCount = 100      // parameters of a request
)

// repeatable says which parameters may occur more than once (RFC 8707 §2, RFC 8693 §2.1).
func repeatable(name string) bool { return name == "resource" || name == "audience" }

// ReadForm reads and checks the parameters in the body.
func ReadForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	in, err := RawForm(w, r)
	if err != nil {
		return nil, err
	}
	return CheckParameters(in)
}

// RawForm reads the parameters in the body as they are.
func RawForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, Invalid("The body must be application/x-www-form-urlencoded.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, Invalid("The body is too large or isn't a form.")
	}
	return r.PostForm, nil
}

// CheckParameters returns the parameters without the empty ones (RFC 6749 §3.1), and an error if
// something is wrong with them: if a parameter had two values, two programs could each use a
// different one.
func CheckParameters(in url.Values) (url.Values, error) {
	out := url.Values{}
	var wrong error
	if len(in) > maxCount {
		return out, Invalid("There are too many parameters.")
	}
	for name, values := range in {
		values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 && !repeatable(name):
			wrong = Invalid("A parameter appears twice: " + name + ".")
			continue // an empty value counts as missing
		case slices.ContainsFunc(values, malformed):
			wrong = Invalid("A parameter is too long or contains characters that aren't text: " + name + ".")
			continue
		}
		out[name] = values
	}
	return out, wrong
}

func malformed(v string) bool {
	return len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
