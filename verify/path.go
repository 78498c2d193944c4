package verify

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readPath returns the path as routes are matched against it: decoded, with letter case
// as sent. A path that some server on the way could read as another one is refused:
// encoded or doubled separators, dot segments, path parameters, escapes within escapes,
// control characters, and letters outside of ASCII that fold into it. What remains reads
// the same for everybody, so that the rule that was asked is the rule of what is called.
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
		// An encoded separator, or an escape that would be one after another decoding, has become one more than there were.
		if strings.Count(path, "/") != strings.Count(raw, "/") || strings.IndexByte(path, '%') >= 0 {
			return "", false
		}
	}
	if !utf8.ValidString(path) { // an overlong dot is a dot for some
		return "", false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f || c == '\\' || c == ';' || c == '#' || c == '?':
			return "", false
		case c == '/' && !segmentOK(path[i+1:]):
			return "", false
		case c >= utf8.RuneSelf && foldsIntoASCII(path[i:]):
			return "", false
		}
	}
	return path, true
}

// foldsIntoASCII tells whether text begins with a letter that is an ASCII one for who
// ignores letter case. By upper or by lower case, servers do either: İ is an i for who
// lowers, ı an I for who raises, and K and ſ are k and s for all.
func foldsIntoASCII(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return r >= utf8.RuneSelf && (unicode.ToLower(r) < utf8.RuneSelf || unicode.ToUpper(r) < utf8.RuneSelf)
}

// segmentOK requires rest to begin with a segment that names something: not empty (unless it
// ends the path) and not made of dots.
func segmentOK(rest string) bool {
	end := strings.IndexByte(rest, '/')
	if end == 0 {
		return false
	}
	if end < 0 {
		end = len(rest)
	}
	segment := rest[:end]
	return segment == "" || strings.Trim(segment, ".") != ""
}
