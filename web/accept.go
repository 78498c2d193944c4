package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// PrefersHTML reports whether the client likes nothing better than a page (RFC 9110 §12.5.1), as browsers do when they
// open an address. Whoever takes anything, as curl and most programs do, doesn't. Of types that it likes equally, the
// first one counts.
func PrefersHTML(r *http.Request) bool {
	best, html := 0.0, false
	for entry := range strings.SplitSeq(strings.Join(r.Header["Accept"], ","), ",") {
		name, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			quality, _ = strconv.ParseFloat(q, 64)
		}
		if quality > best && quality <= 1 {
			best, html = quality, name == "text/html" || name == "application/xhtml+xml"
		}
	}
	return html
}
