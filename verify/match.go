package verify

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter/names"
)

// fit says how well a call fits a route. Many servers take a path for another one that is spelled
// a little differently, and a caller must not gain anything by a spelling.
type fit uint8

const (
	unfit fit = iota
	// possibly means that only some servers take the path for one of this route: those that
	// ignore a segment's extension, final dots, blanks around it, the stream of a file, or how its
	// characters are encoded. Such a fit doesn't make a call one of this route. It only adds what the route asks.
	possibly
	// usually means that most servers do: letter case or a final slash is different.
	usually
	// exactly means that the path is what the pattern says.
	exactly
)

// match returns how well a call fits the route, given a path that readPath returned, and the version
// in the path, 0 if there is none. A public route takes only what fits exactly: what a server ignores
// may make a call need more, never less.
func (r *Route) match(method, path string) (v int, how fit) {
	v, how = r.matchPath(path)
	if how != unfit {
		how = min(how, r.matchMethod(method))
	}
	if how == unfit || r.Public && how != exactly {
		return 0, unfit
	}
	return v, how
}

// matchMethod takes HEAD for GET, because it asks for the same without the body (RFC 9110 §9.3.2).
func (r *Route) matchMethod(method string) (how fit) {
	if len(r.Methods) == 0 {
		return exactly
	}
	for _, m := range r.Methods {
		switch {
		case m == method, m == "GET" && method == "HEAD":
			return exactly
		case strings.EqualFold(m, method), m == "GET" && strings.EqualFold(method, "HEAD"):
			how = usually
		}
	}
	return how
}

func (r *Route) matchPath(path string) (v int, how fit) {
	left, more := path[1:], true
	how = exactly
	for i := range r.segments {
		s := &r.segments[i]
		switch {
		case s.kind == rest:
			return v, how
		case more:
		case s.isSlash() && i == len(r.segments)-1:
			return v, min(how, usually)
		default:
			return 0, unfit
		}
		var part string
		part, left, more = cutSegment(left)
		n, f := s.match(part, left == "")
		if s.kind == version {
			v = n
		}
		if how = min(how, f); how == unfit {
			return 0, unfit
		}
	}
	switch {
	case !more:
		return v, how
	case left == "":
		return v, min(how, usually)
	case r.isFile():
		return v, possibly // some servers run /x.php for /x.php/y
	}
	return 0, unfit
}

// isSlash reports whether the segment is nothing but the slash before it.
func (s *segment) isSlash() bool { return s.kind == literal && s.literal == "" }

// isFile reports whether the pattern ends with the name of a file.
func (r *Route) isFile() bool {
	s := &r.segments[len(r.segments)-1]
	return s.kind == literal && strings.Contains(s.literal, ".")
}

// match returns how well a segment of a path fits, and the version that it is, if that matters. last is
// whether no other segment follows.
func (s *segment) match(part string, last bool) (v int, how fit) {
	switch {
	case s.kind == anything && part != "", s.kind == literal && part == s.literal:
		return 0, exactly
	case s.kind == version || s.kind == literal && s.first != 0:
		if v, how = readVersion(part, last); v < s.first || s.last != 0 && v > s.last {
			return 0, unfit
		}
		if s.kind == literal { // v4.0 for v4
			how = min(how, usually, s.clarity)
		}
		return v, how
	case s.kind == literal:
		return 0, s.matchLiteral(part, last)
	}
	return 0, unfit
}

// readVersion reads whatever some servers take for a version, and says how many do.
func readVersion(part string, last bool) (v int, how fit) {
	if v, how = parseVersion(part); how == unfit {
		v, how = parsePossibleVersion(bare(part), last)
	}
	return v, how
}

// parseVersion reads v4 and v4.0, in either letter case.
func parseVersion(s string) (v int, how fit) {
	s = strings.TrimSuffix(s, ".0")
	if len(s) < 2 || len(s) > 4 || s[0]|0x20 != 'v' || s[1] == '0' {
		return 0, unfit
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return 0, unfit
		}
		v = v*10 + int(c-'0')
	}
	if s[0] == 'V' {
		return v, usually
	}
	return v, exactly
}

// maxVersion is the last version that parseVersion reads.
const maxVersion = 999

// parsePossibleVersion also reads v04, v4.00, and, in the last segment, v4.json.
func parsePossibleVersion(s string, last bool) (v int, how fit) {
	if s == "" || s[0]|0x20 != 'v' {
		return 0, unfit
	}
	digits, extension, _ := strings.Cut(s[1:], ".")
	if !last && strings.Trim(extension, "0.") != "" {
		return 0, unfit
	}
	if v, how = parseVersion("v" + strings.TrimLeft(strings.TrimRight(digits, " "), "0")); how != unfit {
		how = possibly
	}
	return v, how
}

// matchLiteral is for a segment that isn't the literal itself.
func (s *segment) matchLiteral(part string, last bool) fit {
	switch {
	case s.literal == "":
		return unfit
	case equalFoldASCII(part, s.literal):
		return usually
	}
	part = bare(part)
	if n := len(s.bare); n > 0 && len(part) >= n && equalFoldASCII(part[:n], s.bare) {
		more := strings.TrimLeft(part[n:], " ")
		if more == "" || last && more[0] == '.' {
			return possibly
		}
	}
	return unfit
}

// bare returns a segment without what some servers ignore: how its characters are encoded, blanks around
// it, final dots, and what names a stream of a file on Windows.
func bare(part string) string {
	if !isASCII(part) {
		part = strings.Map(digit, names.Key(part))
	}
	for i := range len(part) {
		// x:, x::$DATA, and x:$I30:$INDEX_ALLOCATION are x, but x:y is something else.
		if part[i] == ':' && (i+1 == len(part) || part[i+1] == ':' || part[i+1] == '$') {
			part = part[:i]
			break
		}
	}
	return strings.TrimRight(strings.TrimLeft(part, " "), ". ")
}

// digit returns a decimal digit of any script as one of ASCII, as parsers of numbers read it. Unicode has
// the ten of each script in a row.
func digit(r rune) rune {
	if !unicode.IsDigit(r) {
		return r
	}
	n := rune(0)
	for unicode.IsDigit(r - n - 1) {
		n++
	}
	return '0' + n%10
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cutSegment is strings.Cut at the first slash, in half the time.
func cutSegment(path string) (part, left string, more bool) {
	if i := strings.IndexByte(path, '/'); i >= 0 { //nolint:modernize // see above
		return path[:i], path[i+1:], true
	}
	return path, "", false
}

// equalFoldASCII ignores the case of ASCII letters only; readPath refuses other letters that fold into them.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
