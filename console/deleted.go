package console

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// deletedPage is the content of the list of tokens that the reader can restore.
type deletedPage struct {
	Rows     []control.DeletedToken
	Now      time.Time
	Back     link                            // to the list that they were in
	Query    string                          // makes links lead back here
	Owners   map[keyporter.ID]keyporter.User // nil: they are the reader's own
	In       string                          // name of the organization, with Owners
	SeeAll   bool                            // the reader may see those of everyone
	Previous string                          // empty: this is the first page
	Next     string                          // empty: this is the last page
}

// The paths of the lists of deleted tokens.
const (
	deletedTokens                = "/tokens/deleted"
	allDeletedTokens             = "/all-tokens/deleted"
	allDeletedOrganizationTokens = "/organization-tokens/deleted"
)

// deletedListOf returns the path of the list of deleted tokens that belongs to the list that a request came from.
func deletedListOf(r *http.Request) string {
	switch listOf(r) {
	case ownTokens:
		return deletedTokens
	case allOrganizationTokens:
		return allDeletedOrganizationTokens
	}
	return allDeletedTokens
}

func (c *console) listAllDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.listDeletedOf(w, r, actor, keyporter.UserToken, deletedPage{Back: link{"All tokens", allTokens}, Query: "?list=everyone"})
}

func (c *console) listDeletedOrganizationTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.listDeletedOf(w, r, actor, keyporter.OrganizationToken, deletedPage{Back: link{"Organization tokens", allOrganizationTokens}, Query: "?list=all"})
}

func (c *console) listDeletedOf(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, kind keyporter.TokenKind, p deletedPage) error {
	q := r.URL.Query()
	all, err := c.Control.ListDeletedTokens(r.Context(), actor, control.DeletedTokenList{Kind: kind, Paging: control.Paging{After: q.Get("after"), Before: q.Get("before")}})
	if err != nil {
		return err
	}
	p.Rows, p.Owners, p.In = all.Tokens, all.Owners, all.Organization.Name
	if all.Previous != "" {
		p.Previous = r.URL.Path + "?before=" + all.Previous
	}
	if all.Next != "" {
		p.Next = r.URL.Path + "?after=" + all.Next
	}
	return c.showDeleted(w, r, actor, p)
}

func (c *console) listDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := deletedPage{Back: link{"Tokens", ownTokens}}
	for _, kind := range []keyporter.TokenKind{keyporter.UserToken, keyporter.OrganizationToken} {
		all, err := c.Control.RestorableTokens(r.Context(), actor, kind)
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, all...)
	}
	powers, err := c.Control.Powers(r.Context(), actor)
	if err != nil {
		return err
	}
	p.SeeAll = powers.ManageTokens
	return c.showDeleted(w, r, actor, p)
}

func (c *console) showDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, p deletedPage) error {
	p.Now = c.Now()
	l, err := c.layoutFor(r, actor, "Deleted tokens", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "deleted", l)
}

func restoreForm(r *http.Request, t control.DeletedToken) form {
	f := formOf(r, "restore")
	f.Heading, f.Back, f.Submit, f.DoneText = "Restore “"+t.Name+"”", deletedListOf(r), "Restore", "Restored. It’s off."
	f.Name, f.Restores = t.Name, true
	return f
}

func (c *console) showRestore(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.RestorableToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, restoreForm(r, t))
}

func (c *console) restoreToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	deleted, err := c.Control.RestorableToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	_, err = c.Control.RestoreToken(r.Context(), actor, control.Restore{TokenID: id(r), Name: r.PostFormValue("name")})
	if err != nil {
		f := restoreForm(r, deleted)
		f.AskName = true // that name is taken now
		if name := r.PostFormValue("name"); name != "" {
			f.Name = name
		}
		return c.showFormAgain(w, r, actor, f, err)
	}
	if !wantsFragment(r) {
		return c.finish(w, r, listOf(r), "restored")
	}
	row, err := c.row(r, actor)
	if err != nil {
		return err
	}
	return c.render(w, http.StatusCreated, "tokens", "row-alone", row)
}

// showDeleteForGood asks about a token, whether it was deleted already or not.
func (c *console) showDeleteForGood(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := confirmPage{
		Action: "/tokens/" + string(id(r)) + "/delete-for-good" + leadBack(r.FormValue("list"), false), Submit: "Delete for good", Back: backTo(r),
		Texts: []string{"Nothing restores it after that, and its calls are forgotten. Its secret never works again, not even if it is imported."},
	}
	token, err := c.Control.Token(r.Context(), actor, id(r))
	if err == nil {
		p.Texts = append(p.Texts, "Calls that use it are refused from then on.")
	} else if keyporter.KindOf(err) == keyporter.NotFound {
		var deleted control.DeletedToken
		deleted, err = c.Control.RestorableToken(r.Context(), actor, id(r))
		token, p.Back = deleted.Token, deletedListOf(r)
	}
	if err != nil {
		return err
	}
	p.Heading = "Delete “" + token.Name + "” for good?"
	return c.confirm(w, r, actor, http.StatusOK, p)
}

// deleteForGood leads back to the list that the token was in: of deleted tokens, if it was deleted already.
func (c *console) deleteForGood(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	list := listOf(r)
	if _, err := c.Control.RestorableToken(r.Context(), actor, id(r)); err == nil {
		list = deletedListOf(r)
	}
	if err := c.Control.DeleteTokenForGood(r.Context(), actor, id(r)); err != nil {
		return err
	}
	return c.finish(w, r, list, "deleted-for-good")
}
