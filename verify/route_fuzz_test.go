package verify

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
)

// FuzzRoute compares the matcher with equivalent regular expressions. A path that only one
// of them matches would be checked against the rules of the wrong route.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{
		"/Api/v6/envelope/1", "/api/V6.0/envelope/1/file/2", "/Api/v6", "/Api/v6/", "/Api/v06/x", "/Api/v1000/x", "/Api/v5.0.0/x", "/API.ASMX", "/Api.asmx/",
		"/Api/v7/envelope//x", "/Api/v4/%65nvelope/1/file", "/Api/v\xd9\xa1/x", "/files/a/b", "/files/a", "/Api/v6/envelope/1/",
	} {
		f.Add(s)
	}
	routes := []Route{
		{Path: "/Api/{version}/envelope/{id}", Versions: "6-"},
		{Path: "/Api/{version}/envelope/{id}/file/{file...}", Versions: "4-5"},
		{Path: "/Api/{version}/{rest...}", Versions: "1-5"},
		{Path: "/Api.asmx"},
		{Path: "/files/{name}/"},
	}
	apis, _, err := compile([]API{{Name: "a", Routes: routes}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		path, ok := readPath(raw)
		if !ok {
			return
		}
		for i := range apis[0].Routes {
			r := &apis[0].Routes[i]
			v, how := r.match("GET", path)
			exact, w := expressionMatch(r, path, expressionOf(r.Path))
			usual, uw := expressionMatch(r, path, usualExpressionOf(r.Path))
			if (how == exactly) != exact || (how >= usually) != usual || exact && v != w || usual && v != uw {
				t.Errorf("%q and %s: %v, version %d; the expressions say %v, %d, and %v, %d", path, r.Path, how, v, exact, w, usual, uw)
			}
		}
	})
}

func expressionMatch(r *Route, path, expression string) (bool, int) {
	m := regexp.MustCompile(expression).FindStringSubmatch(path)
	if len(m) < 2 {
		return m != nil, 0
	}
	v, _ := strconv.Atoi(m[1])
	return v >= r.first && (r.last == 0 || v <= r.last), v
}

// expressionOf returns a regular expression that matches what a pattern does.
func expressionOf(pattern string) string { return `(?s)\A` + bareExpressionOf(pattern) + `\z` }

// usualExpressionOf ignores letter case and a final slash.
func usualExpressionOf(pattern string) string {
	return `(?is)\A` + bareExpressionOf(strings.TrimSuffix(pattern, "/")) + `/?\z`
}

func bareExpressionOf(pattern string) string {
	var e strings.Builder
	for s := range strings.SplitSeq(pattern[1:], "/") {
		switch {
		case s == "{version}":
			e.WriteString(`/v([1-9][0-9]{0,2})(?:\.0)?`)
		case strings.HasSuffix(s, "...}"):
			e.WriteString(`(?:/.*)?`)
		case strings.HasPrefix(s, "{"):
			e.WriteString(`/[^/]+`)
		default:
			e.WriteString("/" + regexp.QuoteMeta(s))
		}
	}
	return e.String()
}

// FuzzSpelling makes routes and a call from what it is given, spells the call in another way that most
// servers ignore, and expects it to need at least as much as before. Two exceptions are wanted: a
// part of the route with a route of its own, and an earlier route that has both spellings.
func FuzzSpelling(f *testing.F) {
	f.Add([]byte("\x08\x00\x01\xff\x01\x00\x06\xff"), "/a/b", uint64(1))           // the final slash
	f.Add([]byte("\x10\x00\x01\xff\x01\x00\x05\xff"), "/a/b", uint64(4))           // public, and letter case
	f.Add([]byte("\x08\x05\x07\xff\x01\x00\xff"), "/a", uint64(1))                 // an earlier {x}/
	f.Add([]byte("\x10\x00\x05\x01\xff\x01\x00\x01\x06\xff"), "/a/b/b", uint64(8)) // routes that overlap
	for i := range respellings() {
		f.Add([]byte("\x08\x00\x01\xff\x01\x00\x06\xff"), "/a/b", uint64(i+len(respellings()))<<56)        // /a/b, then /a/{rest...}
		f.Add([]byte("\x08\x00\x08\x01\xff\x01\x00\x06\xff"), "/a/v4/b", uint64(i+len(respellings()))<<56) // a literal that is a version
		f.Add([]byte("\x08\x00\x04\x03\xff\x01\x00\x06\xff"), "/a/v4/a.b", uint64(i+len(respellings()))<<56+1)
	}
	f.Fuzz(func(t *testing.T, config []byte, raw string, how uint64) {
		path, ok := readPath(raw)
		if !ok {
			return
		}
		c := checkerOf(t, config)
		g := c.match("GET", "", path).exact
		if g == nil || g.Public {
			return
		}
		other := respell(path, how)
		if _, ok := readPath(other); !ok {
			return
		}
		m := c.match("GET", "", other)
		got, _, _ := m.decide(&Request{Method: "GET"}, other)
		if got == nil || got.asksAsMuchAs(g) {
			return
		}
		_, fits := g.match("GET", other)
		earlier := m.exact != nil && m.exact.index < g.index && fits == exactly
		for _, r := range []*Route{m.first, m.usual, m.exact} {
			earlier = earlier || r != nil && g.covers(r) && !r.covers(g)
		}
		if !earlier {
			t.Errorf("%q is decided by %q (scope %q), and %q by %q (scope %q)", path, g.Path, g.Scope, other, got.Path, got.Scope)
		}
	})
}

// checkerOf turns bytes into routes: a byte of flags, the bytes of its segments, and 0xff.
func checkerOf(t *testing.T, config []byte) *Checker {
	words := []string{"a", "b", "A", "a.b", "{version}", "{x}", "{rest...}", "", "v4"}
	var routes []Route
	for part := range strings.SplitSeq(string(config), "\xff") {
		if len(part) < 2 || len(routes) > 6 {
			break
		}
		r := Route{Public: part[0]&0x10 != 0}
		if !r.Public {
			r.Scope = []string{"", "x", "y", "x"}[part[0]&3]
		}
		if part[0]&4 != 0 {
			r.Credentials, r.Public = []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialAccessToken, keyporter.CredentialAppToken}, false
		}
		for _, b := range []byte(part[1:]) {
			r.Path += "/" + words[int(b)%len(words)]
		}
		if Validate([]API{{Name: "a", Routes: append(slices.Clip(routes), r)}}) == nil {
			routes = append(routes, r)
		}
	}
	return checker(t, API{Name: "a", Routes: routes})
}

// respell changes letter case where how has a bit, the final slash by its first bit, and what one of
// respellings says by its last byte.
func respell(path string, how uint64) string {
	b := []byte(path)
	for i, c := range b {
		if how>>(1+i%55)&1 != 0 && (c|0x20 >= 'a' && c|0x20 <= 'z') {
			b[i] ^= 0x20
		}
	}
	path = string(b)
	if all := respellings(); how>>56 != 0 {
		path = "/" + strings.NewReplacer(all[how>>56%uint64(len(all))]...).Replace(strings.TrimSuffix(path[1:], "/")+"/")
	}
	if how&1 == 0 || len(path) == 1 {
		return path
	}
	if without, ok := strings.CutSuffix(path, "/"); ok {
		return without
	}
	return path + "/"
}

// respellings are other ways to write paths of the words that checkerOf uses: what to replace by what.
func respellings() [][]string {
	return [][]string{
		{"v4", "v4.0"},
		{"v4.0", "v4"},
		{"v4", "v04"},
		{"4", "\uff14"},
		{"4", "\u0664"},
		{"v", "\uff56"},
		{"a", "\uff41"},
		{".", "\uff0e"},
		{"/", " /"},
		{"/", "./"},
		{"/", " . /"},
		{"/", "\u00a0/"},
		{"/", "\u200b/"},
		{"/", ":/"},
		{"/", "::$DATA/"},
		{"/", "\uff0e/"},
		{"/", "/ /"},
		{"/", "/.. /"},
		{"/", "/\u2025/"},
		{"/", "\uff0f"},
		{"/", "/\u200b/"},
	}
}
