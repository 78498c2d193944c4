package console

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// tokenPage is the content of the page of a token.
type tokenPage struct {
	Row    tokenRow
	Report report
	List   link   // that leads here
	Live   string // where changes are heard of; empty: nowhere
}

func (c *console) showToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) (err error) {
	p := tokenPage{List: link{"Tokens", listOf(r)}}
	if p.Row, err = c.row(r, actor); err != nil {
		return err
	}
	p.Row.OnPage, p.Row.Selectable, p.Row.List = true, false, r.FormValue("list")
	if p.Report, err = c.report(r, actor, control.OfToken(p.Row.Token), p.Row.Use); err != nil {
		return err
	}
	if p.Report.Owner == "" && !p.Row.OfOrganization() {
		p.Live = "/tokens/live"
	}
	for _, cause := range p.Report.Causes {
		p.Row.Blocked = p.Row.Blocked || p.Row.Enabled && cause.Rule != keyporter.RuleNotExpired
	}
	switch p.List.Path {
	case allTokens:
		p.List.Text = "All tokens"
	case allOrganizationTokens:
		p.List.Text = "Organization tokens"
	}
	l, err := c.layoutFor(r, actor, p.Row.Name, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "token", l)
}

// connectionPage is the content of the page of a connection.
type connectionPage struct {
	Row    connectionRow
	Report report
	List   link   // that leads here
	Live   string // where changes are heard of; empty: nowhere
}

func (c *console) showConnection(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	conn, err := c.Control.Connection(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	p := connectionPage{Row: c.connectionRow(conn), List: link{"Apps and Connections", listOf(r)}}
	p.Row.All, p.Row.OnPage = p.List.Path == allConnections, true
	if p.Row.All {
		p.List.Text = "Connections"
	}
	of := control.Credential{ID: conn.Connection.ID, OrganizationID: conn.OrganizationID, OwnerID: conn.UserID, Name: conn.App.Name, AppID: conn.AppID}
	if p.Report, err = c.report(r, actor, of, conn.Use); err != nil {
		return err
	}
	if p.Report.Owner == "" {
		p.Live = "/connections/live"
	}
	l, err := c.layoutFor(r, actor, conn.App.Name, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "connection", l)
}
