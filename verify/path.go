package verify

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter/names"
)

// readPath returns the path that routes are matched against: decoded, with letter case
// as sent. It refuses any path that some server on the way could read differently:
// encoded or doubled separators, segments of dots and blanks, path parameters, segments
// that ASP.NET drops, escapes within escapes, control characters, and other characters that become one of these or an ASCII letter. Every server reads the
// rest the same way, so the route that Keyporter checks is the route the API serves.
func readPath(raw string) (path string, ok bool) {
	if raw == "" || raw[0] != '/' {
		return "", false
	}
	path = raw
	if strings.IndexByte(raw, '%') >= 0 {
		var err error
		if path, err = url.PathUnescape(raw); err != nil {
			return "", false
		}
		// More slashes than before: one was encoded. A percent sign that is left: something was encoded twice.
		if strings.Count(path, "/") != strings.Count(raw, "/") || strings.IndexByte(path, '%') >= 0 {
			return "", false
		}
	}
	if !utf8.ValidString(path) { // some servers read an overlong dot as a dot
		return "", false
	}
	ascii := true
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f || c == '\\' || c == ';' || c == '#' || c == '?':
			return "", false
		case c == '/' && !segmentOK(path[i+1:]):
			return "", false
		case c >= utf8.RuneSelf:
			if ascii = false; foldsIntoASCII(path[i:]) {
				return "", false
			}
		}
	}
	return path, ascii || compatible(path)
}

// compatible reports whether a path has the same segments to a server that reads all characters in their
// compatibility form (NFKC): a full-width slash becomes a slash, and two full-width dots a dot segment.
func compatible(path string) bool {
	key := strings.ReplaceAll(names.Key(path), "\u2800", "") // an empty Braille cell shows nothing, either
	if strings.Count(key, "/") != strings.Count(path, "/") || strings.ContainsAny(key, "\\;%?#") {
		return false
	}
	for i := range len(key) {
		if key[i] == '/' && !segmentOK(key[i+1:]) {
			return false
		}
	}
	// An invisible last segment isn't there in the key, and a final slash is fine.
	return !strings.HasSuffix(key, "/") || strings.HasSuffix(path, "/")
}

// FoldSlashes returns a percent-encoded path without empty segments, as if each run of slashes was
// one. Clients join a base that ends with a slash and a path that begins with one. A door that passes
// on what it returns can use it before it checks the call; the others have to refuse such a path.
func FoldSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	var folded strings.Builder
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			folded.WriteByte(path[i])
		}
	}
	return folded.String()
}

// start returns the beginning of a path that readPath refuses, up to what is ambiguous. It decides
// nothing but which API's clients are to understand the refusal.
func start(raw string) string {
	var path strings.Builder
	for i, segment := range strings.SplitN(FoldSlashes(raw), "/", maxStart+2) {
		read, ok := readPath("/" + segment)
		if i > maxStart || !ok {
			break
		}
		if i > 0 {
			path.WriteString(read)
		}
	}
	return path.String()
}

// maxStart is how many segments of an ambiguous path are looked at.
const maxStart = 8

// foldsIntoASCII reports whether text begins with a letter that becomes an ASCII letter when
// letter case is ignored. Some servers convert to lower case, which turns İ into i, and some
// to upper case, which turns ı into I. K and ſ become k and s.
func foldsIntoASCII(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return r >= utf8.RuneSelf && (unicode.ToLower(r) < utf8.RuneSelf || unicode.ToUpper(r) < utf8.RuneSelf)
}

// segmentOK reports whether rest begins with a segment that every server keeps: it isn't made of dots and blanks,
// isn't for ASP.NET's sessions, and isn't empty unless it ends the path.
func segmentOK(rest string) bool {
	end := strings.IndexByte(rest, '/')
	if end == 0 {
		return false
	}
	if end < 0 {
		end = len(rest)
	}
	segment := rest[:end]
	return segment == "" || strings.Trim(segment, ". ") != "" && !cookieless(segment)
}

// cookieless reports whether ASP.NET may take a segment for cookies in the path, such as (S(x)) or (A(x)S(y)), which it
// drops before it looks for the page.
func cookieless(segment string) bool {
	return len(segment) > 4 && segment[0] == '(' && segment[2] == '(' && strings.HasSuffix(segment, "))")
}
