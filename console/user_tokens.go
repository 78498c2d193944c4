package console

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// userTokensPage is the content of the list of another user's API tokens.
type userTokensPage struct {
	Owner keyporter.User
	List  tokenListing
}

func (c *console) listUserTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	l, page, err := c.tokenListing(r, actor, tokenListing{listing: listing{Path: "/users/" + string(id(r)) + "/tokens"}, List: string(id(r))}, control.TokenList{Kind: keyporter.UserToken, OwnerID: id(r)})
	if err != nil {
		return err
	}
	p := userTokensPage{Owner: page.Owner, List: l}
	layout, err := c.layoutFor(r, actor, "API tokens of "+page.Owner.Login, p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "user-tokens", layout)
}
