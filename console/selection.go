package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// selectionForm is a change to selected tokens, as its form sends it.
type selectionForm struct {
	Action string
	List   string // where they were selected, see listOf
	Query  string // of the page of that list
	Tokens []string
}

// listFields are what the address of a list of tokens says.
var listFields = []string{"q", "state", "unused", "expiring", "rotated", "sort", "order", "after", "before"}

// listQuery returns what the address of a page says of the list on it, without what a form before has done.
func listQuery(r *http.Request) string { return ofList(r.URL.Query()).Encode() }

// ofList returns what a query says of a list of tokens.
func ofList(query url.Values) url.Values {
	q := url.Values{}
	for _, field := range listFields {
		if v := query.Get(field); v != "" {
			q.Set(field, v)
		}
	}
	return q
}

// listName returns the name of the list that a page shows, as listOf reads it.
func listName(r *http.Request) string {
	switch {
	case r.URL.Path == allTokens:
		return "everyone"
	case r.URL.Path == allOrganizationTokens:
		return "all"
	case firstSegment(r.URL.Path) == "users":
		return string(id(r))
	}
	return ""
}

// pageOfSelection returns the path of the page that tokens were selected on.
func pageOfSelection(r *http.Request) string {
	query, _ := url.ParseQuery(r.FormValue("query")) // what is wrong with it is left out
	return (&url.URL{Path: listOf(r), RawQuery: ofList(query).Encode()}).String()
}

// selectionPage asks about a change to the selected tokens, and names everything that it stops.
type selectionPage struct {
	Action   string // as the form sends it
	Heading  string
	Submit   string
	List     string // where it came from, see listOf
	Query    string // of the page of that list
	Back     string
	Tokens   []tokenRow
	Clients  int          // that used them in the last 30 days
	Gone     int          // selected, but there no more
	Expiry   *expiryField // nil: it doesn't ask for it
	Harmless bool         // nothing stops working
	Now      time.Time
}

// showSelection shows what a change to the selected tokens would do. It changes nothing.
func (c *console) showSelection(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.askAboutSelection(w, r, actor, http.StatusOK, c.askNewExpiry())
}

func (c *console) askAboutSelection(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, expiry *expiryField) error {
	impact, err := c.Control.TokensImpact(r.Context(), actor, selected(r))
	if err != nil {
		return err
	}
	p := selectionPage{
		Action: r.PostFormValue("action"), List: r.FormValue("list"), Query: r.FormValue("query"), Back: pageOfSelection(r), Gone: len(impact.Missing), Now: c.Now(),
	}
	for _, t := range impact.Tokens {
		row := rowOf(t.TokenWithUse, c.Now())
		if row.Owner = &t.Owner; actor.Is(t.OwnerID) {
			row.Owner = nil
		}
		p.Clients += len(t.Use.Clients)
		p.Tokens = append(p.Tokens, row)
	}
	n := countOf(len(p.Tokens), "token")
	switch control.TokenAction(p.Action) {
	case control.EnableTokens:
		p.Heading, p.Submit, p.Harmless = "Switch "+n+" on?", "Switch on", true
	case control.DisableTokens:
		p.Heading, p.Submit = "Switch "+n+" off?", "Switch off"
	case control.SetTokensExpiry:
		p.Heading, p.Submit, p.Harmless = "Set the expiry of "+n, "Set expiry", true
		p.Expiry = expiry
		p.Expiry.Focus = true
	case control.DeleteTokens:
		p.Heading, p.Submit = "Delete "+n+"?", "Delete"
	default:
		return keyporter.Refuse(keyporter.Invalid, "Choose what to do with the tokens.")
	}
	l, err := c.layoutFor(r, actor, p.Heading, p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "selection", l)
}

// changeSelection makes the change, and says to how many tokens.
func (c *console) changeSelection(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	change := control.TokenChange{Action: control.TokenAction(r.PostFormValue("action"))}
	var expiry *expiryField
	var err error
	if change.Action == control.SetTokensExpiry {
		change.ExpiresAt, expiry, err = c.expiryIn(r)
	}
	var done control.ChangedTokens
	if err == nil {
		done, err = c.Control.ChangeTokens(r.Context(), actor, selected(r), change)
	}
	if err != nil {
		fields, other := fieldErrors(err)
		if other != nil || fields["expires"] == "" {
			return err
		}
		expiry.Wrong = fields["expires"]
		return c.askAboutSelection(w, r, actor, status(err), expiry)
	}
	return c.finishChange(w, r, change.Action, done)
}

// selected returns the tokens that a form selects.
func selected(r *http.Request) (ids []keyporter.ID) {
	for _, id := range r.PostForm["token"] {
		ids = append(ids, keyporter.ID(id))
	}
	return ids
}
