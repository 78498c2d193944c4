package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/names"
)

// ownTokens is the path of the list of the reader's own tokens.
const ownTokens = "/tokens"

// tokensPage is the content of the page “API Tokens and Apps”.
type tokensPage struct {
	User         tokenSection
	Organization tokenSection
	List         tokenListing // the reader's user tokens
	Guides       []Guide
	Fresh        bool // the sign-in is recent enough to add an organization token
}

// tokenSection is the part of the page about one kind of tokens.
type tokenSection struct {
	Kind         keyporter.TokenKind
	Organization string
	Access       control.Access
	Links        []link // to whatever keeps the tokens from working
	Rows         []tokenRow
	Older        keyporter.ID // ID of the last row if there may be more; otherwise empty
	Newer        bool         // this isn't the first page
}

func (c *console) listTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) (err error) {
	made, secret, err := c.revealed(w, r, actor)
	if err != nil {
		return err
	}
	p := tokensPage{Guides: c.Guides, Fresh: actor.Fresh(c.Now())}
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return err
	}
	if p.List, _, err = c.tokenListing(r, actor, tokenListing{listing: listing{Path: ownTokens}}, control.TokenList{Kind: keyporter.UserToken, OwnerID: actor.User.ID}); err != nil {
		return err
	}
	p.User = tokenSection{Kind: keyporter.UserToken, Rows: p.List.Rows}
	if p.User.Access, err = c.Control.TokenAccess(r.Context(), actor, keyporter.UserToken); err != nil {
		return err
	}
	p.List.CanAdd, p.List.HasExample = p.User.Access.Allowed, c.Example != ""
	p.User.Links = links(p.User.Access.About, powers, actor.User.OrganizationID)
	if p.Organization, err = c.tokenSection(r, actor, powers, keyporter.OrganizationToken); err != nil {
		return err
	}
	for _, rows := range [][]tokenRow{p.List.Rows, p.Organization.Rows} {
		for i := range rows {
			if secret != "" && string(rows[i].ID) == made {
				c.showSecret(r, &rows[i], secret)
			}
		}
	}
	l, err := c.layoutFor(r, actor, "API Tokens and Apps", p)
	if err != nil {
		return err
	}
	p.Organization.Organization = l.Organization
	l.Page = p
	return c.show(w, r, http.StatusOK, "tokens", l)
}

func (c *console) tokenSection(r *http.Request, actor keyporter.Actor, powers control.Powers, kind keyporter.TokenKind) (s tokenSection, err error) {
	before := keyporter.ID(r.URL.Query().Get("before-" + string(kind)))
	s.Kind, s.Newer = kind, before != ""
	if s.Access, err = c.Control.TokenAccess(r.Context(), actor, kind); err != nil {
		return s, err
	}
	s.Links = links(s.Access.About, powers, actor.User.OrganizationID)
	tokens, err := c.Control.Tokens(r.Context(), actor, kind, before)
	for _, t := range tokens {
		s.Rows = append(s.Rows, rowOf(t, c.Now()))
	}
	if !s.Access.Allowed {
		block(s.Rows)
	}
	if len(tokens) == control.MaxPage {
		s.Older = tokens[len(tokens)-1].ID
	}
	return s, err
}

func (c *console) createToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	expires, expiry, err := c.expiryIn(r)
	f := newTokenForm(kind(r), expiry)
	f.Name = r.PostFormValue("name")
	if err != nil {
		_, wrongName := names.Parse("name", f.Name)
		return c.showFormAgain(w, r, actor, f, keyporter.JoinFields(wrongName, err))
	}
	token, secret, err := c.Control.CreateToken(r.Context(), actor, control.NewToken{Kind: f.Kind, OwnerID: actor.User.ID, Name: f.Name, ExpiresAt: expires})
	if err != nil {
		return c.showFormAgain(w, r, actor, f, err)
	}
	if !wantsFragment(r) {
		return c.reveal(w, r, actor, newSecret{ownTokens, string(token.ID), secret.Reveal()})
	}
	row := rowOf(control.TokenWithUse{Token: token}, c.Now())
	row.Selectable = token.Kind == keyporter.UserToken
	c.showSecret(r, &row, secret.Reveal())
	return c.render(w, http.StatusCreated, "tokens", "row-alone", row)
}

// showSecret shows the secret of a new token, and how to make a first call with it.
func (c *console) showSecret(r *http.Request, row *tokenRow, secret string) {
	row.Secret = secret
	if row.Kind == keyporter.UserToken && c.Example != "" {
		row.Snippets, row.TryPath = c.snippets(r, secret), c.Example
	}
}

func kind(r *http.Request) keyporter.TokenKind {
	if r.FormValue("kind") == string(keyporter.OrganizationToken) {
		return keyporter.OrganizationToken
	}
	return keyporter.UserToken
}

func (c *console) enableToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	_, err := c.Control.EnableToken(r.Context(), actor, id(r))
	return c.changed(w, r, actor, err)
}

// disableToken switches a token off. If much depends on it, it asks first, however old the page with the switch is.
func (c *console) disableToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if r.PostFormValue("asked") == "" {
		row, err := c.rowWithUse(r, actor)
		switch {
		case err != nil:
			return err
		case row.AsksFirst() && wantsFragment(r):
			return c.showForm(w, r, actor, http.StatusConflict, disableForm(r, row))
		case row.AsksFirst():
			return redirect(r.URL.RequestURI())(w, r)
		}
	}
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
	return c.finish(w, r, listOf(r), "deleted-token")
}

// changed answers after a change to a token: with its row for the script, and otherwise with its list.
func (c *console) changed(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, err error) error {
	if err != nil {
		return err
	}
	if !wantsFragment(r) {
		return redirect(backTo(r))(w, r)
	}
	row, err := c.row(r, actor)
	if err != nil {
		return err
	}
	return c.render(w, http.StatusOK, "tokens", "row-alone", row)
}

// row returns the row of the token that a request is about, as the list that it came from shows it.
func (c *console) row(r *http.Request, actor keyporter.Actor) (tokenRow, error) {
	if listOf(r) == allOrganizationTokens {
		t, err := c.Control.OrganizationToken(r.Context(), actor, id(r))
		return ownedRow(t, c.Now()), err
	}
	impact, err := c.Control.TokensImpact(r.Context(), actor, []keyporter.ID{id(r)})
	if err != nil {
		return tokenRow{}, err
	}
	if len(impact.Tokens) == 0 {
		return tokenRow{}, keyporter.Refuse(keyporter.NotFound, "There is no such token.")
	}
	t := impact.Tokens[0]
	used, err := c.Control.TokenWithUse(r.Context(), actor, t.ID)
	if err != nil {
		return tokenRow{}, err
	}
	row := rowOf(used, c.Now())
	row.List, row.Selectable, row.Blocked = r.FormValue("list"), t.Kind == keyporter.UserToken, t.State == keyporter.TokenBlocked
	if row.List == "everyone" {
		row.Owner = &t.Owner
	}
	if row.List != "" {
		row.Obstacle = t.Obstacle
		row.Note = noteOf(row)
	}
	return row, nil
}

// listOf returns the path of the list that a request about a token or a connection came from.
func listOf(r *http.Request) string {
	switch list := r.FormValue("list"); {
	case list == "all" && firstSegment(r.URL.Path) == "connections":
		return allConnections
	case list == "all":
		return allOrganizationTokens
	case list == "everyone":
		return allTokens
	case firstSegment(r.URL.Path) == "connections":
		return ownConnections
	case list != "" && strings.Trim(list, "0123456789abcdefghijklmnopqrstuvwxyz") == "":
		return "/users/" + list + "/tokens"
	}
	return ownTokens
}

// leadBack returns the query that makes forms lead back to a list, or to the page of what they are about. also are fields and
// values that it has, too.
func leadBack(list string, onPage bool, also ...string) string {
	q := url.Values{}
	for pair := range slices.Chunk(also, 2) {
		q.Set(pair[0], pair[1])
	}
	if list != "" {
		q.Set("list", list)
	}
	if onPage {
		q.Set("from", "page")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// onPage reports whether a request comes from the page of the token or connection that it is about.
func onPage(r *http.Request) bool { return r.FormValue("from") == "page" }

// pageOf returns the path of the page of the token or connection that a request is about, which leads back to its list.
func pageOf(r *http.Request) string {
	list := ""
	if listOf(r) != "/"+firstSegment(r.URL.Path) {
		list = r.FormValue("list")
	}
	return "/" + firstSegment(r.URL.Path) + "/" + string(id(r)) + leadBack(list, false)
}

// backTo returns the path of the page that a request about a token or a connection came from.
func backTo(r *http.Request) string {
	if onPage(r) {
		return pageOf(r)
	}
	return listOf(r)
}

func id(r *http.Request) keyporter.ID { return keyporter.ID(r.PathValue("id")) }
