package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// report is what the page of a token or a connection says about its use.
type report struct {
	Path    string // of the page
	Owner   string // login name of its owner, or of the user it acts for; empty: it is the reader
	Span    int    // days shown
	Spans   []link
	Sum     keyporter.Counts
	Only    string // the route or client that the chart is about; empty: all calls
	All     string // path of the chart of all calls
	Plot    plot
	Routes  []useRow
	Clients []useRow
	Callers int // all clients, however many of them are shown
	Calls   []keyporter.Call
	Causes  []cause
	History []historyLine
	LastUse *keyporter.ClientUse // nil: never used
	Now     time.Time
}

// useRow is a route or a client of a report.
type useRow struct {
	keyporter.Counts

	Name, Note string
	Title      string // in full; empty: Name is
	LastAt     time.Time
	Path       string // of its chart; empty: it has none, because it stands for others
	Current    bool
}

// cause is something that keeps a token or a connection from working, with the button that removes it or with who can.
type cause struct {
	keyporter.Step

	Action noteAction
	Links  []link
	Who    string
	Since  *historyLine // what somebody did; nil: nobody did, or long ago
}

// historyLine is an event in words.
type historyLine struct {
	Text string
	At   time.Time
}

// spans returns the numbers of days that a report can be about.
func spans() []int { return []int{7, 30, 90} }

// report reads the report on a token or connection. It is about the days, route, and client that the query names.
func (c *console) report(r *http.Request, actor keyporter.Actor, of control.Credential, use keyporter.TokenUse) (p report, err error) {
	q := r.URL.Query()
	p = report{Path: pageOf(r), Span: 30, Now: c.Now()}
	if n, _ := strconv.Atoi(q.Get("days")); slices.Contains(spans(), n) {
		p.Span = n
	}
	found, err := c.Control.Report(r.Context(), actor, of.ID, p.Span)
	if err != nil {
		return p, err
	}
	if !actor.Is(of.OwnerID) {
		p.Owner = found.Owner
	}
	if last, ok := use.Last(); ok {
		p.LastUse = &last
	}
	p.Sum, p.Calls, p.All = keyporter.Sum(found.Days), found.Calls, p.at(nil)
	for _, n := range spans() {
		span := p
		span.Span = n
		p.Spans = append(p.Spans, link{strconv.Itoa(n), span.at(nil)})
	}
	shown := found.Days
	for _, u := range found.Routes {
		row := p.routeRow(u, q.Get("route"))
		if row.Current {
			shown, p.Only = u.Days, row.Name
		}
		p.Routes = append(p.Routes, row)
	}
	p.Routes = busiest(p.Routes, "… other routes")
	for _, u := range found.Clients {
		row := p.clientRow(u, use.Clients, q)
		if row.Current && p.Only == "" {
			shown, p.Only = u.Days, row.Name
		}
		p.Clients = append(p.Clients, row)
	}
	p.Callers, p.Clients = len(p.Clients), busiest(p.Clients, "… other clients")
	p.Plot = plotOf(found.First, shown)
	p.History = historyOf(found.History, actor)
	if p.Causes, err = c.causes(r, actor, of, found.Causes); err != nil {
		return p, err
	}
	for i, cause := range p.Causes {
		off := slices.IndexFunc(found.History, func(e keyporter.Event) bool { return e.Name == keyporter.EventTokenDisable })
		if cause.Rule == keyporter.RuleEnabled && off >= 0 {
			p.Causes[i].Since = &p.History[off]
		}
	}
	return p, nil
}

// at returns the address of the page with a query, for the same days and list.
func (p *report) at(q url.Values) string {
	u, err := url.Parse(p.Path)
	if err != nil {
		return p.Path // pageOf made it
	}
	all := u.Query()
	maps.Copy(all, q)
	if p.Span != 30 {
		all.Set("days", strconv.Itoa(p.Span))
	}
	u.RawQuery = all.Encode()
	return u.String()
}

// mostRows is how many routes and clients the page shows.
const mostRows = 20

// busiest returns the first rows, and one with this name for the sum of the others.
func busiest(rows []useRow, others string) (shown []useRow) {
	rest := useRow{Name: others}
	for _, row := range rows {
		if row.Path == "" || len(shown) == mostRows {
			rest.Add(row.Counts)
			continue
		}
		shown = append(shown, row)
	}
	if rest.All() > 0 {
		shown = append(shown, rest)
	}
	return shown
}

func (p *report) routeRow(u keyporter.RouteUse, chosen string) useRow {
	row := useRow{Counts: keyporter.Sum(u.Days), Name: u.Method + " " + u.Route, Note: apiVersion(u.Version)}
	if u.Route == keyporter.OtherRoutes {
		return row
	}
	if u.Route == "" {
		row.Name = "Unknown: a gateway reported only counts"
	}
	key := u.Version + " " + u.Method + " " + u.Route
	row.Current, row.Path = key == chosen, p.at(url.Values{"route": {key}})
	return row
}

func (p *report) clientRow(u keyporter.AgentUse, clients []keyporter.ClientUse, q url.Values) useRow {
	row := useRow{Counts: keyporter.Sum(u.Days), Name: clientName(u.Agent), Title: u.Agent, Path: p.at(url.Values{"client": {u.Agent}})}
	row.Current = q.Has("client") && q.Get("client") == u.Agent
	if i := slices.IndexFunc(clients, func(c keyporter.ClientUse) bool { return c.Agent == u.Agent }); i >= 0 {
		row.LastAt, row.Note = clients[i].LastAt, "from "+clients[i].Address
	}
	return row
}

// causes adds to each cause the button that removes it, or who can.
func (c *console) causes(r *http.Request, actor keyporter.Actor, of control.Credential, steps []keyporter.Step) ([]cause, error) {
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return nil, err
	}
	all := make([]cause, len(steps))
	for i, s := range steps {
		all[i] = cause{Step: s, Links: links(s.About, powers, of.OrganizationID)}
		switch s.Rule {
		case keyporter.RuleEnabled, keyporter.RuleNotExpired:
			row := tokenRow{TokenWithUse: control.TokenWithUse{Token: keyporter.Token{ID: of.ID, Name: of.Name}}, List: r.FormValue("list"), OnPage: true, Expired: s.Rule == keyporter.RuleNotExpired}
			all[i].Action = row.switchOn()
			if s.Rule == keyporter.RuleNotExpired {
				all[i].Action = row.extend(c.Now())
			}
		case keyporter.RuleUserActive:
			all[i].Who = "An administrator of the organization can switch them on."
		case keyporter.RulePermission:
			all[i].Who = "An administrator of the organization can change roles."
		case keyporter.RuleOrganization:
			all[i].Who = "Only the operator of this Keyporter can change that."
		case keyporter.RuleAppActive:
			all[i].Who = "The people responsible for the app can resume it."
		case keyporter.RuleAppAllowed:
			all[i].Who = "An administrator of the organization can allow it."
			if powers.ManageOrganization {
				all[i].Links = []link{{"Apps that users may connect", "/apps/policy"}}
			}
		}
		if len(all[i].Links) > 0 {
			all[i].Who = ""
		}
	}
	return all, nil
}

// historyOf puts events into words.
func historyOf(events []keyporter.Event, reader keyporter.Actor) []historyLine {
	all := make([]historyLine, len(events))
	for i, e := range events {
		who := e.Actor.User.Login
		switch {
		case e.Actor.Kind == keyporter.ActorCommand:
			who = "Someone on the command line"
		case e.Actor.Kind == keyporter.ActorSystem || who == "":
			who = "Keyporter"
		case e.Actor.User.ID == reader.User.ID:
			who = "You"
		}
		all[i] = historyLine{who + " " + deed(e), e.At}
	}
	return all
}

// deed says what somebody did to a token or a connection.
func deed(e keyporter.Event) string {
	switch e.Name {
	case keyporter.EventTokenRename:
		return fmt.Sprintf("renamed it from “%s” to “%s”", e.Detail["before"], e.Detail["name"])
	case keyporter.EventTokenExpiry:
		return expiryDeed(e.Detail["expires"])
	case keyporter.EventTokenHandOver:
		text := "handed it over to " + e.Detail["to"]
		if e.Detail["secret"] == "new" {
			text += " with a new secret"
		}
		return text
	case keyporter.EventConnectionScopes:
		return "removed its permission “" + e.Detail["removed"] + "”"
	case keyporter.EventConnectionReplay:
		return "ended one of its sign-ins, because one of its keys was used a second time"
	}
	if words, known := map[keyporter.EventName]string{
		keyporter.EventTokenCreate: "added it", keyporter.EventTokenImport: "imported it", keyporter.EventTokenEnable: "switched it on",
		keyporter.EventTokenDisable: "switched it off", keyporter.EventTokenDelete: "deleted it", keyporter.EventTokenDeleteForGood: "deleted it for good", keyporter.EventTokenRestore: "restored it, switched off",
		keyporter.EventConnectionCreate: "connected it", keyporter.EventConnectionExtend: "let it do more", keyporter.EventConnectionDelete: "disconnected it", keyporter.EventGrantRevoke: "ended one of its sign-ins",
	}[e.Name]; known {
		return words
	}
	return "changed it"
}

func expiryDeed(expires string) string {
	if expires == "never" {
		return "removed its expiry"
	}
	if at, err := time.Parse(time.RFC3339, expires); err == nil {
		expires = day(at.Add(-time.Nanosecond))
	}
	return "set it to expire after " + expires
}
