package console

import (
	"bytes"
	"html/template"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// gallery is the content of a page with every component in each of its states, from the templates of the real pages.
type gallery struct {
	List, Empty tokenListing
	Steps       []step
	Refused     []refusedRow
	Impact      impactPart
	Report      report
	Contents    []template.HTML // of whole pages
	Dialog      template.HTML   // what the dialog holds
}

// WithGallery answers the path /gallery with the gallery, and all others like the pages.
func (p *Pages) WithGallery(file string, now time.Time) (http.Handler, error) {
	tmpl, err := p.console.pages["tokens"].Clone()
	if err == nil {
		tmpl, err = tmpl.ParseFiles(file)
	}
	if err != nil {
		return nil, err
	}
	c := &console{Config: p.console.Config, pages: maps.Clone(p.console.pages), static: p.console.static}
	c.pages["gallery"] = tmpl
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gallery":
		case "/tokens/live": // nothing happens
			w.Header().Set("Content-Type", "text/event-stream")
			return
		default:
			p.ServeHTTP(w, r)
			return
		}
		page, err := c.gallery(r, now)
		if err == nil {
			err = c.show(w, r, http.StatusOK, "gallery", layout{
				Title: "Gallery", Login: "ada@acme.example", Organization: "Acme", Page: page, Now: now,
				Groups: navigation(control.Powers{ManageUsers: true, ManageRoles: true, Operate: true}, r),
			})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}), nil
}

func (c *console) gallery(r *http.Request, now time.Time) (g gallery, err error) {
	g.List = tokenListing{
		listing: listing{
			Noun: "token", Path: "/tokens", Total: 61, Previous: "/tokens?before=a", Next: "/tokens?after=b", Filtered: true, Match: "e",
			Tabs: []tab{{"All", "/tokens", 61, true}, {"Active", "/tokens?state=active", 20001, false}, {"Needs attention", "/tokens?state=attention", 3, false}, {"Off", "/tokens?state=off", 0, false}},
		},
		Kind: keyporter.UserToken, CanAdd: true, Rows: c.galleryRows(r, now),
		Heads: []head{{"Name", "", "/tokens?sort=name", "ascending"}, {"Last used", "used", "/tokens?sort=used", ""}, {"7 days", "calls", "", ""}, {"Expires", "date", "/tokens?sort=expires", ""}, {"State", "switched", "", ""}},
	}
	g.Empty = tokenListing{listing: listing{Noun: "token", Path: "/tokens"}, Kind: keyporter.OrganizationToken, CanAdd: true}
	for i, outcome := range []keyporter.Outcome{keyporter.Passed, keyporter.Failed, keyporter.NotAsked} {
		g.Steps = append(g.Steps, step{Step: keyporter.Step{Rule: keyporter.Rule(i + 4), Outcome: outcome}})
	}
	g.Steps[1].Cause, g.Steps[1].Links = "The role “Contractor” blocks it.", []link{{"Contractor", "/roles/contractor"}}
	g.Refused = []refusedRow{{By: link{"Export", "/tokens/x"}, RefusedCall: keyporter.RefusedCall{RequestID: "r1", At: now, Method: http.MethodGet, Path: "/restapi/v6/envelopes", Cause: "The token is switched off.", Agent: "curl/8.7.1", Address: "192.0.2.7", LoginName: "ada@acme.example"}}}
	g.Impact = impactPart{Stopping: 1, Now: now, Impact: control.Impact{Losing: 2, Gaining: 1}}
	g.Report = galleryReport(now)
	expiry := c.askNewExpiry()
	expiry.Until, expiry.Day, expiry.Wrong = untilDay, "2020-01-31", "The expiry must be in the future."
	add := newTokenForm(keyporter.OrganizationToken, expiry)
	add.Name, add.Errors = "Export", map[string]string{"name": "You already have a token with this name. Choose another name."}
	for _, p := range []struct {
		name string
		page any
	}{
		{"error", errorPage{Status: http.StatusInternalServerError, Heading: "Something went wrong", Message: "What happened.", Next: "What to do:", RequestID: "06h2wabmhzj4tn9rpsn8dxnh70", Way: wayOn{"/tokens", "Go to API Tokens and Apps"}}},
		{"form", add},
	} {
		content, err := c.content(p.name, p.page)
		if err != nil {
			return g, err
		}
		g.Contents = append(g.Contents, content)
	}
	g.Dialog, err = c.content("form", deleteForm(r, g.List.Rows[0]))
	return g, err
}

// galleryReport returns a report with everything that one can have.
func galleryReport(now time.Time) report {
	days := make([]keyporter.Counts, 30)
	for i := range days {
		days[i] = keyporter.Counts{Allowed: (i * 37) % 61, Refused: (i % 5) / 4 * 7}
	}
	r := report{
		Path: "/tokens/x", Span: 30, Sum: keyporter.Sum(days), Plot: plotOf(now.AddDate(0, 0, -29), days), Only: "curl 8.7.1", All: "/tokens/x", Now: now,
		LastUse: &keyporter.ClientUse{LastAt: now.Add(-2 * time.Minute)},
	}
	for _, n := range spans() {
		r.Spans = append(r.Spans, link{strconv.Itoa(n), "/tokens/x"})
	}
	r.Routes = []useRow{{Counts: keyporter.Counts{Allowed: 12345}, Name: "POST /Api/{version}/envelope/{rest...}", Note: "esign 6", Path: "/tokens/x"}}
	r.Clients = []useRow{{Counts: keyporter.Counts{Allowed: 12345, Refused: 67}, Name: "curl 8.7.1", Note: "from 2001:db8::7", Path: "/tokens/x", Current: true}}
	pattern := keyporter.RoutePattern{Version: "esign 6", Method: http.MethodGet, Route: "/Api/{version}/envelope/{rest...}"}
	r.Calls = []keyporter.Call{{RoutePattern: pattern, At: now, Agent: "curl/8.7.1", Address: "2001:db8::7", Status: http.StatusOK}, {RoutePattern: pattern, At: now, Reason: keyporter.ReasonDisabled}}
	r.Causes = []cause{
		{Step: keyporter.Step{Cause: "The token is switched off."}, Action: noteAction{Label: "Switch on", Path: "/tokens/x/enable"}},
		{Step: keyporter.Step{Cause: "The role “Contractor” blocks Use the API (api.use) for ada@acme.example, whatever other roles grant."}, Links: []link{{"Contractor", "/roles/contractor"}}},
		{Step: keyporter.Step{Cause: "The organization is suspended."}, Who: "Only the operator of this Keyporter can change that."},
	}
	r.History = []historyLine{{"You added it", now}}
	return r
}

// content returns the content of a page, without its frame.
func (c *console) content(name string, page any) (template.HTML, error) {
	var b bytes.Buffer
	err := c.pages[name].ExecuteTemplate(&b, "content", layout{Page: page})
	return template.HTML(b.String()), err
}

// galleryRows returns a token in each state.
func (c *console) galleryRows(r *http.Request, now time.Time) (rows []tokenRow) {
	used := keyporter.ClientUse{Agent: "billing-sync/2.4", Address: "192.0.2.7", Version: "esign 6", LastAt: now.Add(-2 * time.Minute), Allowed: 1300}
	refused := keyporter.ClientUse{Agent: "curl/8.7.1", Address: "2001:db8::7", LastAt: now.Add(-time.Hour), Refused: 9}
	add := func(name string, enabled bool, expires time.Duration, use ...keyporter.ClientUse) *tokenRow {
		t := control.TokenWithUse{Token: keyporter.Token{ID: keyporter.NewID(now), Kind: keyporter.UserToken, Name: name, Enabled: enabled, CreatedAt: now.AddDate(0, -3, 0), First: "kpu_9dXe", Last: "q3Kp"}}
		if expires != 0 {
			t.ExpiresAt = now.Add(expires)
		}
		t.Use.Clients = use
		for _, u := range use {
			t.Use.Allowed, t.Use.Refused = t.Use.Allowed+u.Allowed, t.Use.Refused+u.Refused
			t.Use.Hours[5], t.Use.Hours[60], t.Use.Hours[150] = u.Allowed/2, u.Allowed/3, u.Allowed/6
		}
		row := rowOf(t, now)
		row.Selectable = true
		rows = append(rows, row)
		return &rows[len(rows)-1]
	}
	day := 24 * time.Hour
	add("On", true, 0, used)
	add("Off", false, 90*day)
	add("Off and refused", false, 0, refused)
	add("On, but blocked", true, 0, used).Blocked = true
	add("Expires soon", true, 3*day, used)
	add("Expired", true, -3*day, refused)
	of := add("Of somebody else", true, 0, used)
	of.Owner = &keyporter.User{Login: "grace@acme.example"}
	c.showSecret(r, add("New", false, 0), "kpu_9dXe8Zb0Qh1Rk2Sm3Tn4Uo5Vp6Wq7Xr8Ys9Zt0Au1Bv2Cw3q3Kp")
	works := add("Its first call worked", true, 0, used)
	c.showSecret(r, works, "kpu_9dXe8Zb0Qh1Rk2Sm3Tn4Uo5Vp6Wq7Xr8Ys9Zt0Au1Bv2Cw3q3Kp")
	works.FirstCall = &firstCall{Allowed: true}
	failed := add("Its first call was refused", false, 0, refused)
	c.showSecret(r, failed, "kpu_9dXe8Zb0Qh1Rk2Sm3Tn4Uo5Vp6Wq7Xr8Ys9Zt0Au1Bv2Cw3q3Kp")
	failed.FirstCall = &firstCall{Cause: "The token is switched off.", RequestID: "r1"}
	return rows
}
