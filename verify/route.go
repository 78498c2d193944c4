package verify

import (
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// route returns the route of a call and the version in its path, or why there is none.
func (c *Checker) route(req *Request) (*Route, int, keyporter.Reason) {
	path, ok := readPath(req.Path)
	if !ok {
		return nil, 0, keyporter.ReasonBadPath
	}
	for _, a := range c.apis {
		if !a.HasHost(req.Host) {
			continue
		}
		for i := range a.Routes {
			if v, ok := a.Routes[i].match(req.Method, path); ok {
				return &a.Routes[i], v, keyporter.Allowed
			}
		}
	}
	return nil, 0, keyporter.ReasonNoRoute
}

// OnRoute reports whether Keyporter decides about a call to this path. If it doesn't, the API
// decides itself, by introspection.
func (c *Checker) OnRoute(method, host, path string) bool {
	r, _, _ := c.route(&Request{Method: method, Host: host, Path: path})
	return r != nil
}

// SOAPRoute returns the route of a call if it is a route of a SOAP API, and nil otherwise. A
// route for POST only, as messages need, counts for every method: clients get the WSDL from the same path.
func (c *Checker) SOAPRoute(method, host, path string) *Route {
	if !c.soap {
		return nil
	}
	r, _, _ := c.route(&Request{Method: method, Host: host, Path: path})
	if r == nil {
		r, _, _ = c.route(&Request{Method: "POST", Host: host, Path: path})
	}
	if r == nil || !r.SOAP {
		return nil
	}
	return r
}

// HasHost reports whether the API has this host name, given with or without a port. An API
// without hosts has every name.
func (a *API) HasHost(host string) bool {
	if len(a.Hosts) == 0 {
		return true
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(a.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// match reports whether the route matches a path that readPath returned, and returns the
// version in the path, 0 if there is none.
func (r *Route) match(method, path string) (v int, ok bool) {
	if len(r.Methods) > 0 && !slices.ContainsFunc(r.Methods, func(m string) bool { return strings.EqualFold(m, method) }) {
		return 0, false
	}
	left, more := path[1:], true
	for _, s := range r.segments {
		if s.kind == rest {
			return v, true
		}
		if !more {
			return 0, false
		}
		var part string
		part, left, more = cutSegment(left)
		switch s.kind {
		case version:
			if v, ok = parseVersion(part); !ok || v < r.first || r.last != 0 && v > r.last {
				return 0, false
			}
		case anything:
			if part == "" {
				return 0, false
			}
		default:
			if !equalFoldASCII(part, s.literal) {
				return 0, false
			}
		}
	}
	return v, !more
}

// cutSegment is strings.Cut at the first slash, in half the time.
func cutSegment(path string) (part, left string, more bool) {
	if i := strings.IndexByte(path, '/'); i >= 0 { //nolint:modernize // see above
		return path[:i], path[i+1:], true
	}
	return path, "", false
}

// parseVersion reads v4 and v4.0, in either letter case.
func parseVersion(s string) (int, bool) {
	s = strings.TrimSuffix(s, ".0")
	if len(s) < 2 || len(s) > 4 || s[0]|0x20 != 'v' || s[1] == '0' {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
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

// Claims reports whether a call to this host and decoded path is meant for one of the APIs:
// the host is the API's, or the API has no hosts and the path begins with the first segment of one of its routes.
func (c *Checker) Claims(host, path string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return slices.ContainsFunc(c.apis, func(a *API) bool {
		if len(a.Hosts) > 0 {
			return a.HasHost(host)
		}
		return slices.ContainsFunc(a.Routes, func(r Route) bool { return equalFoldASCII(first, r.segments[0].literal) })
	})
}
