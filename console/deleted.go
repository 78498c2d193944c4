package console

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// deletedPage is the content of the list of tokens that the reader can restore.
type deletedPage struct {
	Rows []control.DeletedToken
	Now  time.Time
}

const deletedTokens = "/tokens/deleted"

func (c *console) listDeleted(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p := deletedPage{Now: c.Now()}
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

func restoreForm(t control.DeletedToken) form {
	return form{
		Heading: "Restore “" + t.Name + "”", Action: "/tokens/" + string(t.ID) + "/restore", Back: deletedTokens, Submit: "Restore", DoneText: "Restored. It’s off.",
		AskName: true, Name: t.Name, Restores: true,
	}
}

func (c *console) showRestore(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.RestorableToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, restoreForm(t))
}

func (c *console) restoreToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	deleted, err := c.Control.RestorableToken(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	_, err = c.Control.RestoreToken(r.Context(), actor, control.Restore{TokenID: id(r), Name: r.PostFormValue("name")})
	if err != nil {
		f := restoreForm(deleted)
		if name := r.PostFormValue("name"); name != "" {
			f.Name = name
		}
		return c.showFormAgain(w, r, actor, f, err)
	}
	if !wantsFragment(r) {
		return c.finish(w, r, "/tokens", "restored")
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
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Delete “" + t.Name + "” for good?", Action: "/tokens/" + string(t.ID) + "/delete-for-good?from=deleted", Submit: "Delete for good", Back: deletedTokens,
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
		list = deletedTokens
	}
	return c.finish(w, r, list, "deleted-for-good")
}
