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
	Back     string                          // path of the list that they were in
	Query    string                          // makes links lead back here
	Owners   map[keyporter.ID]keyporter.User // nil: they are the reader's own
	In       string                          // name of the organization, with Owners
	Previous string                          // empty: this is the first page
	Next     string                          // empty: this is the last page
}

const (
	deletedTokens    = "/tokens/deleted"
	allDeletedTokens = "/all-tokens/deleted"
)

// deletedListOf returns the path of the list of deleted tokens that a request came from.
func deletedListOf(r *http.Request) string {
	if listOf(r) == allTokens {
		return allDeletedTokens
	}
	return deletedTokens
}

func (c *console) listAllDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	q := r.URL.Query()
	all, err := c.Control.ListDeletedTokens(r.Context(), actor, control.DeletedTokenList{Paging: control.Paging{After: q.Get("after"), Before: q.Get("before")}})
	if err != nil {
		return err
	}
	p := deletedPage{Rows: all.Tokens, Now: c.Now(), Back: allTokens, Query: "?list=everyone", Owners: all.Owners, In: all.Organization.Name}
	if all.Previous != "" {
		p.Previous = allDeletedTokens + "?before=" + all.Previous
	}
	if all.Next != "" {
		p.Next = allDeletedTokens + "?after=" + all.Next
	}
	l, err := c.layoutFor(r, actor, "Deleted tokens", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "deleted", l)
}

func (c *console) listDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := deletedPage{Now: c.Now(), Back: "/tokens"}
	for _, kind := range []keyporter.TokenKind{keyporter.UserToken, keyporter.OrganizationToken} {
		all, err := c.Control.RestorableTokens(r.Context(), actor, kind)
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, all...)
	}
	l, err := c.layoutFor(r, actor, "Deleted tokens", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "deleted", l)
}

func restoreForm(r *http.Request, t control.DeletedToken) form {
	f := formOf(r, "restore")
	f.Heading, f.Back, f.Submit, f.DoneText = "Restore “"+t.Name+"”", deletedListOf(r), "Restore", "Restored. It’s off."
	f.AskName, f.Name, f.Restores = true, t.Name, true
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

func (c *console) showDeleteForGood(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.RestorableToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	action := "/tokens/" + string(t.ID) + "/delete-for-good?from=deleted"
	if list := r.FormValue("list"); deletedListOf(r) == allDeletedTokens {
		action += "&list=" + list
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Delete “" + t.Name + "” for good?", Action: action, Submit: "Delete for good", Back: deletedListOf(r),
		Texts: []string{"Nothing restores it after that, and its calls are forgotten. Its secret never works again, not even if it is imported."},
	})
}

func (c *console) deleteForGood(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DeleteTokenForGood(r.Context(), actor, id(r)); err != nil {
		return err
	}
	if wantsFragment(r) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	list := listOf(r)
	if r.FormValue("from") == "deleted" {
		list = deletedListOf(r)
	}
	return c.finish(w, r, list, "deleted-for-good")
}
