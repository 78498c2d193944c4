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
	// ignore a segment's extension, its final dots and blanks, or how its letters are encoded. Such a
	// fit doesn't make a call one of this route. It only adds what the route asks.
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
	for i, s := range r.segments {
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
		f := exactly
		switch last := left == ""; s.kind {
		case version:
			v, f = r.matchVersion(part, last)
		case anything:
			if part == "" {
				f = unfit
			}
		default:
			if part != s.literal {
				f = s.matchLiteral(part, last)
			}
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
func (s segment) isSlash() bool { return s.kind == literal && s.literal == "" }

// isFile reports whether the pattern ends with the name of a file.
func (r *Route) isFile() bool {
	s := r.segments[len(r.segments)-1]
	return s.kind == literal && strings.Contains(s.literal, ".")
}

func (r *Route) matchVersion(part string, last bool) (v int, how fit) {
	v, how = parseVersion(part)
	if how == unfit {
		v, how = parsePossibleVersion(trim(part), last)
	}
	if v < r.first || r.last != 0 && v > r.last {
		return 0, unfit
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

// parsePossibleVersion also reads v04, v4.00, and, in the last segment, v4.json.
func parsePossibleVersion(s string, last bool) (v int, how fit) {
	if s == "" || s[0]|0x20 != 'v' {
		return 0, unfit
	}
	digits, extension, _ := strings.Cut(s[1:], ".")
	if !last && strings.Trim(extension, "0.") != "" {
		return 0, unfit
	}
	if v, how = parseVersion("v" + strings.TrimLeft(digits, "0")); how != unfit {
		how = possibly
	}
	return v, how
}

// matchLiteral is for a segment that isn't the literal itself. last is whether no other follows.
func (s segment) matchLiteral(part string, last bool) fit {
	want := s.literal
	switch {
	case want == "":
		return unfit
	case equalFoldASCII(part, want):
		return usually
	case len(part) <= len(want) && isASCII(part) && isASCII(want):
		return unfit // it is shorter than the literal, or another word of its length
	}
	part = trim(part)
	if !isASCII(part) || !isASCII(want) {
		part, want = names.Key(part), names.Key(want)
	}
	if last && len(part) > len(want) && part[len(want)] == '.' {
		part = part[:len(want)]
	}
	if equalFoldASCII(part, want) {
		return possibly
	}
	return unfit
}

// trim removes what some servers remove from a segment: blanks around it, and final dots.
func trim(part string) string {
	part = strings.TrimLeftFunc(part, unicode.IsSpace)
	return strings.TrimRightFunc(part, func(c rune) bool { return c == '.' || unicode.IsSpace(c) })
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
