package console

import (
	"net/http"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// connectionRow is a connection in a list.
type connectionRow struct {
	control.ConnectionWithUse

	May     []keyporter.Scope    // what the app may do
	LastUse *keyporter.ClientUse // nil: never used
	Chart   chart
	Now     time.Time
	All     bool // the list is that of the whole organization
	OnPage  bool // it is shown on its own page, to which its forms lead back
}

// Query returns the query that makes links of the row lead back to its list.
func (c connectionRow) Query() string { return leadBack(c.list(), c.OnPage) }

// Remove returns the path of the page that asks whether to take a scope away.
func (c connectionRow) Remove(scope string) string {
	return "/connections/" + string(c.ID) + "/remove" + leadBack(c.list(), c.OnPage, "scope", scope)
}

func (c connectionRow) list() string {
	if c.All {
		return "all"
	}
	return ""
}

func (c *console) connectionRow(conn control.ConnectionWithUse) connectionRow {
	row := connectionRow{ConnectionWithUse: conn, Chart: chartOf(conn.Use), Now: c.Now()}
	if last, ok := conn.Use.Last(); ok {
		row.LastUse = &last
	}
	for _, name := range conn.Scopes {
		means := c.scopeMeans(name)
		if !conn.App.Has(name) {
			means += " (not working now: the app can no longer ask for it)"
		}
		row.May = append(row.May, keyporter.Scope{Name: name, Means: means})
	}
	return row
}

// showConnectionRow answers with the row of one of the reader's own connections.
func (c *console) showConnectionRow(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	conn, err := c.Control.Connection(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.render(w, http.StatusOK, "connections", "connection-row", c.connectionRow(conn))
}

// connectionsPage is the content of a list of connections: the reader's, or their organization's.
type connectionsPage struct {
	List         listing
	All          bool // of the organization
	Rows         []connectionRow
	Access       control.Access // only for the reader's
	Links        []link         // to whatever keeps the apps from working
	Organization string
}

// The paths of the lists of connections.
const (
	ownConnections = "/connections"
	allConnections = "/apps/connections"
)

func (c *console) listOwnConnections(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := connectionsPage{List: listing{Path: ownConnections, Hint: "App"}}
	var err error
	if p.Access, err = c.Control.TokenAccess(r.Context(), actor, keyporter.UserToken); err != nil {
		return err
	}
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return err
	}
	p.Links = links(p.Access.About, powers, actor.User.OrganizationID)
	return c.showConnections(w, r, actor, p)
}

func (c *console) listConnections(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.showConnections(w, r, actor, connectionsPage{All: true, List: listing{Path: allConnections, Hint: "App or user"}})
}

func (c *console) showConnections(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p connectionsPage) error {
	p.List.Noun = "connection"
	p.List = p.List.ask(r)
	found, err := c.Control.ListConnections(r.Context(), actor, control.ConnectionList{Everyone: p.All, Match: p.List.Match, Paging: p.List.paging})
	if err != nil {
		return err
	}
	p.List.show(len(found.Connections), found.Total, found.Cursors)
	for _, conn := range found.Connections {
		row := c.connectionRow(conn)
		row.All = p.All
		p.Rows = append(p.Rows, row)
	}
	l, err := c.layoutFor(r, actor, "Apps and Connections", p)
	if err != nil {
		return err
	}
	p.Organization = l.Organization
	l.Page = p
	return c.show(w, r, http.StatusOK, "connections", l)
}

// connectionPath returns the path of a form about a connection, which leads back to where the request came from.
func connectionPath(conn control.ConnectionWithUse, verb string, r *http.Request, also ...string) string {
	return "/connections/" + string(conn.Connection.ID) + "/" + verb + leadBack(r.FormValue("list"), onPage(r), also...)
}

func (c *console) showDisconnect(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	conn, err := c.Control.Connection(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Disconnect “" + conn.App.Name + "”?", Action: connectionPath(conn, "disconnect", r), Submit: "Disconnect", Back: backTo(r),
		Texts: disconnectTexts(conn, actor),
	})
}

// disconnectTexts explains what happens when a connection ends.
func disconnectTexts(conn control.ConnectionWithUse, actor keyporter.Actor) []string {
	whom := "you"
	if conn.UserID != actor.User.ID {
		whom = conn.User.Login
	}
	texts := []string{"It can no longer act for " + whom + ": all of its tokens are refused, starting with the next call, and it can’t get new ones."}
	if conn.App.JWT {
		texts = append(texts, "Its access tokens are JWTs: an API that checks them on its own, without asking Keyporter, accepts them until they expire.")
	}
	if n := conn.Use.Allowed; n > 0 {
		texts = append(texts, countOf(n, "call")+" in the last 7 days. Whatever the app does for "+whom+" stops.")
	}
	return append(texts, "The app keeps what it has already fetched. To connect it again, start from the app.")
}

func (c *console) disconnect(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.Disconnect(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, listOf(r), "disconnected")
}

func (c *console) showRemoveScope(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	conn, err := c.Control.Connection(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	scope := r.URL.Query().Get("scope")
	if !slices.Contains(conn.Scopes, scope) {
		return keyporter.Refuse(keyporter.NotFound, "The app no longer has this permission.")
	}
	if len(conn.Scopes) == 1 {
		return redirect(connectionPath(conn, "disconnect", r))(w, r)
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Take this from “" + conn.App.Name + "”?", Action: connectionPath(conn, "remove", r, "scope", scope), Submit: "Take away", Back: backTo(r),
		Texts: []string{
			"It can no longer " + c.scopeMeans(scope) + ".",
			"This takes effect on the next call. The app keeps everything else, and it can ask for this again.",
		},
	})
}

func (c *console) removeScope(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.RemoveScope(r.Context(), actor, id(r), r.FormValue("scope")); err != nil {
		return err
	}
	return c.finish(w, r, backTo(r), "taken")
}
