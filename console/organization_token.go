package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// allOrganizationTokens is the path of the list of an organization's organization tokens.
const allOrganizationTokens = "/organization-tokens"

// organizationTokensPage is the content of the list of an organization's organization tokens.
type organizationTokensPage struct {
	Organization string
	Obstacle     string // what keeps all of them from working, see control.OrganizationObstacle
	Foreign      bool   // it isn't the reader's organization; the reader is an operator
	Kind         keyporter.TokenKind
	Rows         []tokenRow
	Used         int // tokens used within 30 days
	Users        int // that one of them acted for, within 30 days
	Older        keyporter.ID
	Newer        bool
	Query        string              // makes links lead to the same organization
	Dependents   []control.Dependent // organizations that have such tokens, for operators
	Grant        string              // path of the page that grants the feature, for operators
}

func ownedRow(t control.ListedToken, now time.Time) tokenRow {
	row := rowOf(t.TokenWithUse, now)
	row.Owner, row.Obstacle, row.Blocked = &t.Owner, t.Obstacle, t.State == keyporter.TokenBlocked
	row.Note = noteOf(row)
	return row
}

func (c *console) listOrganizationTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) (err error) {
	handedOver, secret, err := c.revealed(w, r, actor)
	if err != nil {
		return err
	}
	organization, before := keyporter.ID(r.URL.Query().Get("organization")), keyporter.ID(r.URL.Query().Get("before"))
	p := organizationTokensPage{Kind: keyporter.OrganizationToken, Newer: before != ""}
	if organization == "" {
		organization = actor.User.OrganizationID
	} else if p.Foreign = organization != actor.User.OrganizationID; p.Foreign {
		p.Query = "organization=" + url.QueryEscape(string(organization)) + "&"
	}
	o, tokens, err := c.Control.OrganizationTokens(r.Context(), actor, organization, before)
	if err != nil {
		return err
	}
	p.Organization, p.Obstacle = o.Name, control.OrganizationObstacle(o, keyporter.OrganizationToken)
	p.add(tokens, c.Now())
	if secret != "" {
		if err := p.showFirst(r.Context(), c, actor, keyporter.ID(handedOver), secret); err != nil {
			return err
		}
	}
	if actor.User.Operator {
		p.Grant = "/organizations/" + string(organization)
		if p.Dependents, err = c.Control.Dependents(r.Context(), actor); err != nil {
			return err
		}
	}
	l, err := c.layoutFor(r, actor, "Organization API Tokens", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "organization-tokens", l)
}

// showFirst shows the row of a token that was handed over before all others, wherever it is in the list, with its new
// secret.
func (p *organizationTokensPage) showFirst(ctx context.Context, c *console, actor keyporter.Actor, token keyporter.ID, secret string) error {
	t, err := c.Control.OrganizationToken(ctx, actor, token)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	row := ownedRow(t, c.Now())
	row.Secret = secret
	others := slices.DeleteFunc(p.Rows, func(row tokenRow) bool { return row.ID == token })
	p.Rows = slices.Insert(others, 0, row)
	return nil
}

// add adds tokens, and counts the users they have acted for.
func (p *organizationTokensPage) add(tokens []control.ListedToken, now time.Time) {
	lately, users := now.AddDate(0, 0, -30), map[string]bool{}
	for _, t := range tokens {
		row := ownedRow(t, now)
		row.ReadOnly = p.Foreign
		p.Rows = append(p.Rows, row)
		if row.LastUse != nil && row.LastUse.LastAt.After(lately) {
			p.Used++
		}
		for _, s := range row.ActedFor {
			if s.LastAt.After(lately) {
				users[s.Login] = true
			}
		}
	}
	p.Users = len(users)
	if len(tokens) == control.MaxPage {
		p.Older = tokens[len(tokens)-1].ID
	}
}

func handOverForm(t keyporter.Token) form {
	return form{
		Heading: "Hand over “" + t.Name + "”", Action: "/tokens/" + string(t.ID) + "/hand-over?list=all", Back: allOrganizationTokens,
		Submit: "Hand over", DoneText: "Handed over.", AskLogin: true,
	}
}

func (c *console) showHandOver(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.OrganizationToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, handOverForm(t.Token))
}

func (c *console) handOver(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	before, err := c.Control.OrganizationToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	in := control.HandOver{TokenID: id(r), Login: r.PostFormValue("login"), NewSecret: r.PostFormValue("secret") != ""}
	t, secret, err := c.Control.HandOver(r.Context(), actor, in)
	if err != nil {
		f := handOverForm(before.Token)
		f.Login, f.NewSecret = in.Login, in.NewSecret
		return c.showFormAgain(w, r, actor, f, err)
	}
	switch {
	case wantsFragment(r):
		row := ownedRow(t, c.Now())
		row.Secret = secret.Reveal()
		return c.render(w, http.StatusOK, "tokens", "row-alone", row)
	case in.NewSecret:
		return c.reveal(w, r, actor, newSecret{allOrganizationTokens, string(t.ID), secret.Reveal()})
	}
	return redirect(allOrganizationTokens)(w, r)
}
