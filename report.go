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
	Version string // API and version, such as "esign 6"
	Method  string
	Route   string // pattern of its path, such as /Api/{version}/envelope/{rest...}
}

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

// Call is a call with a credential. What it was about isn't kept: it has no path, only a pattern.
type Call struct {
	RoutePattern

	At       time.Time
	Agent    string
	Address  string
	ActedFor string // login name of the user that an organization token acted for
	Reason   Reason // why it was refused; Allowed if it wasn't
	Status   int    // that the API answered with, through our own proxy; 0: unknown
}

// AddClient adds calls of a client at some time to the report, if it is about that time.
func (r *Report) AddClient(agent string, at time.Time, n Counts) {
	day, ok := r.day(at)
	if !ok {
		return
	}
	r.Days[day].Add(n)
	i := slices.IndexFunc(r.Clients, func(c AgentUse) bool { return c.Agent == agent })
	if i < 0 {
		i = len(r.Clients)
		r.Clients = append(r.Clients, AgentUse{agent, make([]Counts, len(r.Days))})
	}
	r.Clients[i].Days[day].Add(n)
}

// AddRoute adds calls of a route at some time to the report, if it is about that time. They are in Days already, by AddClient.
func (r *Report) AddRoute(route RoutePattern, at time.Time, n Counts) {
	day, ok := r.day(at)
	if !ok {
		return
	}
	i := slices.IndexFunc(r.Routes, func(u RouteUse) bool { return u.RoutePattern == route })
	if i < 0 {
		i = len(r.Routes)
		r.Routes = append(r.Routes, RouteUse{route, make([]Counts, len(r.Days))})
	}
	r.Routes[i].Days[day].Add(n)
}

func (r *Report) day(at time.Time) (day int, ok bool) {
	day = int(math.Floor(at.Sub(r.First).Hours() / 24))
	return day, day >= 0 && day < len(r.Days)
}

// Sort puts routes and clients with most calls first.
func (r *Report) Sort() {
	slices.SortFunc(r.Routes, func(a, b RouteUse) int {
		return cmp.Or(cmp.Compare(Sum(b.Days).All(), Sum(a.Days).All()), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	})
	slices.SortFunc(r.Clients, func(a, b AgentUse) int {
		return cmp.Or(cmp.Compare(Sum(b.Days).All(), Sum(a.Days).All()), cmp.Compare(a.Agent, b.Agent))
	})
}
