package console

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// tokensPage is the content of the page "API Tokens and Apps".
type tokensPage struct {
	Access  control.Access
	Rows    []tokenRow
	Older   keyporter.ID // the last row of a full page: what comes after it; empty: nothing
	Newer   bool         // this isn't the first page
	Example string       // a command line with a placeholder for the token
}

// tokenRow is a token in the list.
type tokenRow struct {
	control.TokenWithUse

	Secret  string               // in clear, in the answer that made it only
	LastUse *keyporter.ClientUse // nil: never used
	Chart   chart
	Expired bool
	Soon    bool      // expires within a week
	LastDay time.Time // that it works, when it expires
	Now     time.Time
}

func rowOf(t control.TokenWithUse, now time.Time) tokenRow {
	row := tokenRow{TokenWithUse: t, Chart: chartOf(t.Use), Now: now, Expired: t.Expired(now)}
	if last, ok := t.Use.Last(); ok {
		row.LastUse = &last
	}
	if !t.ExpiresAt.IsZero() {
		row.LastDay = t.ExpiresAt.Add(-time.Nanosecond)
		row.Soon = !row.Expired && t.ExpiresAt.Sub(now) < 7*24*time.Hour
	}
	return row
}

func (c *console) listTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.showTokens(w, r, http.StatusOK, actor, nil)
}

// showTokens shows the list, with the row that was just made on top when there is one.
func (c *console) showTokens(w http.ResponseWriter, r *http.Request, status int, actor keyporter.Actor, made *tokenRow) error {
	before := keyporter.ID(r.URL.Query().Get("before"))
	tokens, err := c.Control.Tokens(r.Context(), actor, keyporter.UserToken, before)
	if err != nil {
		return err
	}
	p := tokensPage{Newer: before != "", Example: c.example(r)}
	if p.Access, err = c.Control.TokenAccess(r.Context(), actor, keyporter.UserToken); err != nil {
		return err
	}
	for _, t := range tokens {
		if made != nil && t.ID == made.ID {
			p.Rows = append(p.Rows, *made)
			continue
		}
		p.Rows = append(p.Rows, rowOf(t, c.Control.Now()))
	}
	if len(tokens) == control.MaxPage {
		p.Older = tokens[len(tokens)-1].ID
	}
	l, err := c.layoutFor(r, actor, "API Tokens and Apps", p)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "tokens", l)
}

// example is a command line that calls an API.
func (c *console) example(r *http.Request) string {
	path := c.Example
	if path == "" {
		path = "/…"
	}
	return "curl -H 'ApiToken: YOUR_TOKEN' " + c.address(r) + path
}

func (c *console) createToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	f := newTokenForm()
	f.Name, f.Expires = r.PostFormValue("name"), r.PostFormValue("expires")
	expires, err := parseDay(f.Expires)
	if err != nil {
		return c.again(w, r, actor, f, err)
	}
	token, secret, err := c.Control.CreateToken(r.Context(), actor, control.NewToken{OwnerID: actor.User.ID, Name: f.Name, ExpiresAt: expires})
	if err != nil {
		return c.again(w, r, actor, f, err)
	}
	row := rowOf(control.TokenWithUse{Token: token}, c.Control.Now())
	row.Secret = secret.Reveal()
	if wantsFragment(r) {
		return c.render(w, http.StatusCreated, "tokens", "row", row)
	}
	return c.showTokens(w, r, http.StatusCreated, actor, &row)
}

func (c *console) enableToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	_, err := c.Control.EnableToken(r.Context(), actor, id(r))
	return c.changed(w, r, actor, err)
}

func (c *console) disableToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	_, err := c.Control.DisableToken(r.Context(), actor, id(r))
	return c.changed(w, r, actor, err)
}

func (c *console) deleteToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DeleteToken(r.Context(), actor, id(r)); err != nil {
		return err
	}
	if wantsFragment(r) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return redirect("/tokens")(w, r)
}

// changed answers after a change of a token: with its row, or with the list.
func (c *console) changed(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, err error) error {
	if err != nil {
		return err
	}
	if !wantsFragment(r) {
		return redirect("/tokens")(w, r)
	}
	t, err := c.Control.TokenWithUse(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.render(w, http.StatusOK, "tokens", "row", rowOf(t, c.Control.Now()))
}

func id(r *http.Request) keyporter.ID { return keyporter.ID(r.PathValue("id")) }
