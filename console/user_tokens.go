package console

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// userTokensPage is the content of the list of another user's API tokens.
type userTokensPage struct {
	Owner keyporter.User
	Kind  keyporter.TokenKind
	Rows  []tokenRow
	Older keyporter.ID // ID of the last row if there may be more; otherwise empty
	Newer bool
}

func (c *console) listUserTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	before := keyporter.ID(r.URL.Query().Get("before"))
	u, tokens, err := c.Control.TokensOf(r.Context(), actor, id(r), keyporter.UserToken, before)
	if err != nil {
		return err
	}
	p := userTokensPage{Owner: u, Kind: keyporter.UserToken, Newer: before != ""}
	for _, t := range tokens {
		row := rowOf(t, c.Now())
		row.Owner = &keyporter.User{ID: u.ID}
		p.Rows = append(p.Rows, row)
	}
	if len(tokens) == control.MaxPage {
		p.Older = tokens[len(tokens)-1].ID
	}
	l, err := c.layoutFor(r, actor, "API tokens of "+u.Login, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "user-tokens", l)
}
