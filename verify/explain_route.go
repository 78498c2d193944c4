package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// Routing says which routes a call fits and what it needs. It depends on the configuration alone.
type Routing struct {
	Fits   []Fit
	Needs  string           // as a sentence; what to do instead, if Reason isn't Allowed
	Reason keyporter.Reason // why there is no route
	Notes  []string         // about all routes, see Checker.Notes
}

// Fit is a route that a call fits.
type Fit struct {
	How     string // in words, as “keyporter explain” prints and describes them
	Route   string // where the route is, and its pattern
	Asks    string
	Decides bool // the call needs what it asks
}

// ExplainRoute returns the routes that a call fits, in the order in which they are tried. From req, it
// takes method, host, and path. The error says what is wrong with the APIs.
func ExplainRoute(apis []API, req *Request) (Routing, error) {
	compiled, notes, err := compile(apis)
	if err != nil {
		return Routing{}, err
	}
	c := &Checker{apis: compiled}
	x := Routing{Notes: notes}
	route, _, reason := c.route(req)
	if x.Reason = reason; reason == keyporter.Allowed {
		x.Needs = "The call needs " + route.asks() + "."
	} else {
		x.Needs, _ = new(story).cause(keyporter.RulePath, reason)
	}
	path, ok := readPath(req.Path)
	if !ok {
		return x, nil
	}
	m := c.match(req.Method, req.Host, path)
	deciding := append(m.others(req, path), m.exact)
	for _, a := range compiled {
		for i := range a.Routes {
			r := &a.Routes[i]
			_, how := r.match(req.Method, path)
			if how == unfit || !a.HasHost(req.Host) {
				continue
			}
			f := Fit{How: how.String(), Route: fmt.Sprintf("%s (%s)", r.where(nil), r.Path), Asks: r.asks()}
			f.Decides = slices.Contains(deciding, r)
			x.Fits = append(x.Fits, f)
		}
	}
	return x, nil
}

// String says how a call fits.
func (f fit) String() string {
	return [...]string{"doesn't match", "matches on some servers only", "matches except for letter case, a final slash, or .0 after a version", "matches"}[f]
}

// asks says what the route asks of a call.
func (r *Route) asks() string {
	if r.Public {
		return "no credential"
	}
	kinds := make([]string, len(r.Credentials))
	for i, k := range r.Credentials {
		kinds[i] = strings.ReplaceAll(string(k), "_", " ")
	}
	text := "one of: " + strings.Join(kinds, ", ")
	if len(kinds) == 1 {
		text = "this credential: " + kinds[0]
	}
	if r.Scope != "" {
		text += "; with access tokens, the scope " + strings.ReplaceAll(r.Scope, " ", " and ")
	}
	return text
}
