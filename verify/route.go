package verify

import (
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// place finds the route that a call is for.
func (c *Checker) place(k *call, d *Decision) {
	d.Route, d.Version, k.match = c.route(&k.req)
	k.route, k.version = d.Route, d.Version
}

// route returns the route of a call and the version in its path, or why the call can't be made. With
// ReasonBadPath, the route is the one that the call seems to be meant for, and with ReasonMethod, the one
// that has the path, if any.
func (c *Checker) route(req *Request) (r *Route, v int, reason keyporter.Reason) {
	if path, ok := readPath(req.Path); ok {
		m := c.match(req.Method, req.Host, path)
		r, v, reason = m.decide(req, path)
	} else {
		r, reason = c.meant(req), keyporter.ReasonBadPath
	}
	if keyporter.IsRefusedMethod(req.Method) {
		reason = keyporter.ReasonMethod
	}
	return r, v, reason
}

func (c *Checker) meant(req *Request) *Route {
	path := start(req.Path)
	if path == "" {
		return nil
	}
	m := c.match(req.Method, req.Host, path)
	if m.exact != nil {
		return m.exact
	}
	return m.usual
}

// matched are the routes that a call fits, as far as they can decide about it.
type matched struct {
	// first is the first route that the call fits at all, usual the first one that it fits at least
	// usually, and exact the first one that it fits exactly. Each of them can be nil, and what comes
	// after exact doesn't matter.
	first, usual, exact *Route

	version int // according to exact, or to usual if that is nil
}

// match stops at the first exact fit, which nearly always is the first of all.
func (c *Checker) match(method, host, path string) (m matched) {
	for _, a := range c.apis {
		if !a.HasHost(host) {
			continue
		}
		for i := range a.Routes {
			r := &a.Routes[i]
			v, how := r.match(method, path)
			if how == unfit {
				continue
			}
			if m.first == nil {
				m.first = r
			}
			if how >= usually && m.usual == nil {
				m.usual, m.version = r, v
			}
			if how == exactly {
				m.exact, m.version = r, v
				return m
			}
		}
	}
	return m
}

// decide returns the route that decides. If a call fits several routes, depending on what the server
// ignores, it needs what all of them ask.
func (m *matched) decide(req *Request, path string) (*Route, int, keyporter.Reason) {
	decides := m.exact
	if decides == nil {
		decides = m.usual
	}
	switch {
	case decides == nil:
		return nil, 0, keyporter.ReasonNoRoute
	case decides == m.first && len(decides.rivals) == 0:
		return decides, m.version, keyporter.Allowed
	}
	for _, r := range m.others(req, path) {
		if decides = both(decides, r); decides == nil {
			return m.first, 0, keyporter.ReasonBadPath
		}
	}
	return decides, m.version, keyporter.Allowed
}

// others returns the routes whose demands count besides those of the route that decides.
func (m *matched) others(req *Request, path string) []*Route {
	var all []*Route
	add := func(r *Route) {
		if r != nil && r != m.exact && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	add(m.first)
	add(m.usual)
	for _, r := range []*Route{m.first, m.usual, m.exact} {
		if r == nil {
			continue
		}
		for _, rival := range r.rivals {
			if !rival.api.HasHost(req.Host) {
				continue
			}
			if _, how := rival.match(req.Method, path); how == possibly || how == usually {
				add(rival)
			}
		}
	}
	return all
}

// OnRoute reports whether Keyporter decides about a call to this path. If it doesn't, the API
// decides itself, by introspection.
func (c *Checker) OnRoute(method, host, path string) bool {
	r, _, reason := c.route(&Request{Method: method, Host: host, Path: path})
	return reason == keyporter.Allowed || reason == keyporter.ReasonMethod && r != nil
}

// SOAPRoute returns the route of a call if it is a route of a SOAP API, and nil otherwise. A
// route for POST only, as messages need, counts for every method: clients get the WSDL from the same path.
func (c *Checker) SOAPRoute(method, host, path string) *Route {
	if !c.soap {
		return nil
	}
	r, _, reason := c.route(&Request{Method: method, Host: host, Path: path})
	if reason == keyporter.ReasonNoRoute {
		r, _, reason = c.route(&Request{Method: "POST", Host: host, Path: path})
	}
	if reason != keyporter.Allowed || !r.SOAP {
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

// OwnsHost reports whether all calls to this host are meant for an API: it has the host, and an upstream
// that the calls are passed on to. A proxy in front of an API without an upstream may ask with the API's host.
func (c *Checker) OwnsHost(host string) bool {
	return slices.ContainsFunc(c.apis, func(a *API) bool { return len(a.Hosts) > 0 && a.target != nil && a.HasHost(host) })
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
