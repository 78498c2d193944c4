package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// asksAsMuchAs reports whether whoever may make a call by r may make it by s as well. Routes of
// different APIs can't be compared.
func (r *Route) asksAsMuchAs(s *Route) bool {
	switch {
	case r.api != s.api:
		return false
	case r.Public || s.Public:
		return s.Public
	case r.SOAP != s.SOAP || slices.ContainsFunc(r.Credentials, func(k keyporter.CredentialKind) bool { return !s.accepts(k) }):
		return false
	}
	for scope := range strings.FieldsSeq(s.Scope) {
		if r.takesScopes() && !r.needs(scope) {
			return false
		}
	}
	return true
}

// takesScopes reports whether the route accepts credentials that have scopes.
func (r *Route) takesScopes() bool {
	return r.accepts(keyporter.CredentialAccessToken) || r.accepts(keyporter.CredentialAppToken)
}

func (r *Route) needs(scope string) bool {
	return slices.Contains(strings.Fields(r.Scope), scope)
}

// both returns a route that asks what r and s ask: one of them if it asks as much as the other, or nil
// if no call can do both.
func both(r, s *Route) *Route {
	switch {
	case r.asksAsMuchAs(s):
		return r
	case s.asksAsMuchAs(r):
		return s
	case r.api != s.api || r.SOAP != s.SOAP:
		return nil
	}
	t := *r
	t.Credentials = nil
	for _, k := range r.Credentials {
		if s.accepts(k) {
			t.Credentials = append(t.Credentials, k)
		}
	}
	for scope := range strings.FieldsSeq(s.Scope) {
		if !t.needs(scope) {
			t.Scope = strings.TrimSpace(t.Scope + " " + scope)
		}
	}
	if len(t.Credentials) == 0 {
		return nil
	}
	return &t
}

// compare looks at each pair of routes in the order in which they are tried. It returns an error for
// each that is never reached, gives the others their rivals, and returns a note for whatever may
// surprise the operator.
func compare(apis []*API) (faults []error, notes []string) {
	var earlier []*Route
	for _, a := range apis {
		for i := range a.Routes {
			s := &a.Routes[i]
			if len(s.segments) == 0 {
				continue // its path is wrong
			}
			for _, m := range s.ownMethods() {
				notes = append(notes, fmt.Sprintf("%s has the method %s, which isn't a registered one", s.where(nil), m))
			}
			for _, r := range earlier {
				switch {
				case !a.sharesHosts(r.api):
				case r.api.hasHostsOf(a) && r.hides(s):
					faults = append(faults, fmt.Errorf("%s is never reached: %s matches all of its calls", s.where(nil), r.where(a)))
				case r.isRival(s):
					r.rivals = append(r.rivals, s)
					notes = append(notes, r.note(s)...)
				}
			}
			earlier = append(earlier, s)
		}
	}
	return faults, notes
}

// where says which route this is, to people who read the file. of is the API that was just named.
func (r *Route) where(of *API) string {
	if r.api == of {
		return fmt.Sprintf("routes[%d]", r.index)
	}
	return fmt.Sprintf("%s: routes[%d]", r.api.where, r.index)
}

// isRival reports whether s, a later route, has to be asked as well when r matches a call: s asks
// something that r doesn't, and a server could take a path of r for one of s. But if all paths of r
// are also paths of s, r is an exception that somebody wanted. With the same pattern, such as for other
// methods, no spelling fits one better than the other.
func (r *Route) isRival(s *Route) bool {
	return !r.asksAsMuchAs(s) && r.meets(s, true) && !r.samePattern(s) &&
		(!s.covers(r) || r.covers(s))
}

// note says what isn't obvious about r and its rival s.
func (r *Route) note(s *Route) []string {
	switch {
	case r.covers(s) && s.covers(r):
		return []string{fmt.Sprintf("%s (%s) and %s (%s) are the same to many servers, so their calls need what both ask", s.where(nil), s.Path, r.where(s.api), r.Path)}
	case !r.meets(s, false):
		return nil
	}
	return []string{fmt.Sprintf("%s (%s) is tried after %s (%s), which takes the calls that match both and asks something else. If that isn't what you want, swap them", s.where(nil), s.Path, r.where(s.api), r.Path)}
}

// hides reports whether r matches every call that s, a later route, would. Then whatever s
// says, such as that its path is public, would silently have no effect.
func (r *Route) hides(s *Route) bool {
	other := func(m string) bool { return r.matchMethod(m) != exactly }
	least := usually
	if r.Public {
		least = exactly
	}
	return covers(r.segments, s.segments, least) && (len(r.Methods) == 0 || len(s.Methods) > 0 && !slices.ContainsFunc(s.Methods, other))
}

// covers reports whether every path that b matches fits a, at least as well as least says.
func covers(a, b []segment, least fit) bool {
	for i := range a {
		switch s := &a[i]; {
		case s.kind == rest:
			return true
		case i >= len(b) || b[i].kind == rest || !s.covers(&b[i], least):
			return false
		}
	}
	return len(a) > 0 && len(a) == len(b)
}

func (s *segment) covers(t *segment, least fit) bool {
	switch {
	case t.kind == literal:
		_, how := s.match(t.literal, false)
		return how >= least || s.isSlash() && t.isSlash()
	case t.kind == version && s.kind == version:
		return s.first <= t.first && (s.last == 0 || t.last != 0 && t.last <= s.last)
	}
	return s.kind == anything
}

// covers reports whether all paths of s are usually taken for some of r, whatever the versions are.
func (r *Route) covers(s *Route) bool {
	a, b := slices.Clone(unslashed(r.segments)), unslashed(s.segments)
	for i := range a {
		if a[i].kind == version {
			a[i].first, a[i].last = 0, 0
		}
	}
	return covers(a, b, usually)
}

// samePattern reports whether r and s differ at most in the names of their placeholders and in their versions.
func (r *Route) samePattern(s *Route) bool {
	return slices.EqualFunc(r.segments, s.segments, func(a, b segment) bool { return a.kind == b.kind && a.literal == b.literal })
}

// unslashed returns a pattern without its final slash.
func unslashed(pattern []segment) []segment {
	if end := len(pattern) - 1; end > 0 && pattern[end].isSlash() {
		return pattern[:end]
	}
	return pattern
}

// meets reports whether a call can match both routes: each of them exactly or, with tolerance, in any way.
func (r *Route) meets(s *Route, tolerant bool) bool {
	methods := len(r.Methods) == 0 || len(s.Methods) == 0 ||
		slices.ContainsFunc(r.Methods, func(m string) bool { return s.matchMethod(m) != unfit }) ||
		slices.ContainsFunc(s.Methods, func(m string) bool { return r.matchMethod(m) != unfit })
	if !methods {
		return false
	}
	a, b := r.segments, s.segments
	for i := range min(len(a), len(b)) {
		if a[i].kind == rest || b[i].kind == rest {
			return true
		}
		if !a[i].meets(&b[i], tolerant) {
			return false
		}
	}
	if len(a) > len(b) {
		r, a, b = s, b, a // b is the longer one
	}
	more := b[len(a):]
	return len(more) == 0 || more[0].kind == rest || tolerant && (len(more) == 1 && more[0].isSlash() || r.isFile())
}

// meets reports whether a segment of a path can match both.
func (s *segment) meets(t *segment, tolerant bool) bool {
	if s.kind != literal {
		s, t = t, s
	}
	least := exactly
	if tolerant {
		least = possibly
	}
	fits := func(s, t *segment) bool {
		_, how := s.match(t.literal, true)
		return how >= least
	}
	switch {
	case s.kind == version && t.kind == version:
		return (s.last == 0 || t.first <= s.last) && (t.last == 0 || s.first <= t.last)
	case s.kind != literal:
		return true
	case t.kind != literal:
		return fits(t, s)
	}
	return s.literal == t.literal || fits(s, t) || fits(t, s)
}

// sharesHosts reports whether a call can be for both APIs.
func (a *API) sharesHosts(b *API) bool {
	return len(a.Hosts) == 0 || len(b.Hosts) == 0 || slices.ContainsFunc(a.Hosts, b.HasHost)
}

// hasHostsOf reports whether each call to one of b's hosts is also to one of a's.
func (a *API) hasHostsOf(b *API) bool {
	if len(b.Hosts) == 0 {
		return len(a.Hosts) == 0
	}
	return !slices.ContainsFunc(b.Hosts, func(h string) bool { return !a.HasHost(h) })
}
