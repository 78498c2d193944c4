package keyporter

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// MaxReportDays is how far back a Report can look.
const MaxReportDays = 90

// Report says what a credential was used for on the last days, counted across all nodes. Days begin at midnight UTC.
type Report struct {
	First   time.Time  // of the days
	Days    []Counts   // all calls of each day; the last one is today
	Routes  []RouteUse // most calls first
	Clients []AgentUse // most calls first
	Calls   []Call     // the last CallLimit calls, however old, latest first
}

// Counts are numbers of calls.
type Counts struct{ Allowed, Refused int }

// All is the number of all calls.
func (c Counts) All() int { return c.Allowed + c.Refused }

// Add adds other counts to c.
func (c *Counts) Add(n Counts) {
	c.Allowed += n.Allowed
	c.Refused += n.Refused
}

// Sum adds up the counts of several days.
func Sum(days []Counts) (all Counts) {
	for _, d := range days {
		all.Add(d)
	}
	return all
}

// RoutePattern is a route of an API, as the configuration has it, and how it was called. Version is all that is known of calls
// that were decided elsewhere.
type RoutePattern struct {
	Version string `json:"version"` // API and version, such as "esign 6"
	Method  string `json:"method"`
	Route   string `json:"route"` // pattern of its path, such as /Api/{version}/envelope/{rest...}
}

// OtherRoutes is the route of calls of further routes, without version and method, once a credential has used many on a day: anyone
// who has a secret can make up versions.
const OtherRoutes = "(other routes)"

// RouteUse is how a credential was used on one route on each day of a Report.
type RouteUse struct {
	RoutePattern

	Days []Counts
}

// AgentUse is how one client used a credential on each day of a Report.
type AgentUse struct {
	Agent string // its User-Agent, see ClientUse
	Days  []Counts
}

// CallLimit is how many calls are kept for each credential.
const CallLimit = 20

// Call is a call with a credential. It is stored as JSON. What it was about isn't kept: it has no path, only a pattern.
type Call struct {
	RoutePattern

	At       time.Time `json:"at"`
	Agent    string    `json:"agent"`
	Address  string    `json:"address"`
	ActedFor string    `json:"acted_for,omitempty"` // login name of the user that an organization token acted for
	Reason   Reason    `json:"reason,omitempty"`    // why it was refused; Allowed if it wasn't
	Status   int       `json:"status,omitempty"`    // that the API answered with, through our own proxy; 0: unknown
}

// ReportBuilder adds up a Report.
type ReportBuilder struct {
	report  Report
	routes  map[RoutePattern]int // places in the report
	clients map[string]int
}

// BuildReport starts an empty report on a number of days.
func BuildReport(first time.Time, days int) *ReportBuilder {
	return &ReportBuilder{Report{First: first, Days: make([]Counts, days)}, map[RoutePattern]int{}, map[string]int{}}
}

// AddClient adds calls of a client at some time to the report, if it is about that time.
func (b *ReportBuilder) AddClient(agent string, at time.Time, n Counts) {
	r := &b.report
	day, ok := r.day(at)
	if !ok {
		return
	}
	r.Days[day].Add(n)
	i, known := b.clients[agent]
	if !known {
		i = len(r.Clients)
		b.clients[agent] = i
		r.Clients = append(r.Clients, AgentUse{agent, make([]Counts, len(r.Days))})
	}
	r.Clients[i].Days[day].Add(n)
}

// AddRoute adds calls of a route at some time to the report, if it is about that time. They are in Days already, by AddClient.
func (b *ReportBuilder) AddRoute(route RoutePattern, at time.Time, n Counts) {
	r := &b.report
	day, ok := r.day(at)
	if !ok {
		return
	}
	i, known := b.routes[route]
	if !known {
		i = len(r.Routes)
		b.routes[route] = i
		r.Routes = append(r.Routes, RouteUse{route, make([]Counts, len(r.Days))})
	}
	r.Routes[i].Days[day].Add(n)
}

// AddCalls adds calls that are later than those before, or may be.
func (b *ReportBuilder) AddCalls(calls []Call) { b.report.Calls = LastCalls(calls, b.report.Calls) }

// RoutesOn returns the routes with calls on the day of some time.
func (b *ReportBuilder) RoutesOn(at time.Time) (routes []RoutePattern) {
	day, ok := b.report.day(at)
	if !ok {
		return nil
	}
	for _, u := range b.report.Routes {
		if u.Days[day] != (Counts{}) {
			routes = append(routes, u.RoutePattern)
		}
	}
	return routes
}

// Report returns the report, with the routes and clients with most calls first.
func (b *ReportBuilder) Report() Report {
	r := b.report
	slices.SortFunc(r.Routes, func(a, b RouteUse) int {
		return cmp.Or(cmp.Compare(Sum(b.Days).All(), Sum(a.Days).All()), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	})
	slices.SortFunc(r.Clients, func(a, b AgentUse) int {
		return cmp.Or(cmp.Compare(Sum(b.Days).All(), Sum(a.Days).All()), cmp.Compare(a.Agent, b.Agent))
	})
	return r
}

func (r *Report) day(at time.Time) (day int, ok bool) {
	day = int(math.Floor(at.Sub(r.First).Hours() / 24))
	return day, day >= 0 && day < len(r.Days)
}

// LastCalls returns the last of two lists of calls, latest first.
func LastCalls(a, b []Call) []Call {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Call) int { return b.At.Compare(a.At) })
	return all[:min(len(all), CallLimit)]
}
