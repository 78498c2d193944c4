package console

import (
	"net/http"

	"github.com/keyporter/keyporter"
)

// form is the content of a page that asks for one thing about a token. The script shows it as a
// dialog.
type form struct {
	Heading   string
	Action    string            // path that the form is sent to
	Back      string            // path of the page it was opened from
	Submit    string            // what the button says
	DoneText  string            // what the script says when it is done
	Name      string            // of the token, as typed
	Login     string            // as typed
	NewSecret bool              // as ticked
	Errors    map[string]string // by field

	AskName, AskLogin bool

	Expiry *expiryField // nil: the form doesn't ask for it

	Restores bool // it brings a deleted token back

	Kind      keyporter.TokenKind // of the token to add
	Delete    *tokenRow           // the token to delete, if that is what the form asks
	SwitchOff *tokenRow           // the token to switch off, the same
}

// Fault returns what is wrong with the form.
func (f form) Fault() fault { return fault{Fields: f.Errors} }

// OfOrganization reports whether the form adds an organization token.
func (f form) OfOrganization() bool { return f.Kind == keyporter.OrganizationToken }

// MakesSecret reports whether the form makes a secret, or can.
func (f form) MakesSecret() bool { return f.Kind != "" || f.AskLogin }

func newTokenForm(kind keyporter.TokenKind, expiry *expiryField) form {
	f := form{
		Heading: "Add new API Token", Action: "/tokens", Back: ownTokens, Submit: "Add token", Kind: kind,
		DoneText: "Added.", AskName: true, Expiry: expiry,
	}
	if f.OfOrganization() {
		f.Heading = "Add new Organization API Token"
	}
	return f
}

// formOf starts a form about an existing token.
func formOf(r *http.Request, verb string) form {
	return form{Action: "/tokens/" + string(id(r)) + "/" + verb + leadBack(r.FormValue("list"), onPage(r)), Back: backTo(r)}
}

func renameForm(r *http.Request, name string) form {
	f := formOf(r, "rename")
	f.Heading, f.Submit, f.DoneText, f.AskName, f.Name = "Rename token", "Rename", "Renamed.", true, name
	return f
}

func expiryForm(r *http.Request, t keyporter.Token, expiry *expiryField) form {
	f := formOf(r, "expiry")
	f.Heading, f.Submit, f.DoneText, f.Expiry = "Change expiry of “"+t.Name+"”", "Save", "Saved.", expiry
	f.Expiry.Focus = true
	return f
}

func deleteForm(r *http.Request, row tokenRow) form {
	f := formOf(r, "delete")
	f.Heading, f.Submit, f.DoneText, f.Delete = "Delete “"+row.Name+"”?", "Delete token", "Deleted. Calls that use it are now refused.", &row
	return f
}

func disableForm(r *http.Request, row tokenRow) form {
	f := formOf(r, "disable")
	f.Heading, f.Submit, f.DoneText, f.SwitchOff = "Switch off “"+row.Name+"”?", "Switch off", row.OffText(), &row
	return f
}

func (c *console) showForm(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, f form) error {
	l, err := c.layoutFor(r, actor, f.Heading, f)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "form", l)
}

// showFormAgain shows a form with what is wrong with it, and what the user typed.
func (c *console) showFormAgain(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, f form, err error) error {
	var other error
	if f.Errors, other = fieldErrors(err); other != nil {
		return other
	}
	if f.Expiry != nil {
		f.Expiry.Wrong = f.Errors["expires"]
	}
	return c.showForm(w, r, actor, status(err), f)
}

func (c *console) newToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	access, err := c.Control.TokenAccess(r.Context(), actor, kind(r))
	if err != nil {
		return err
	}
	if !access.Allowed {
		return keyporter.Refuse(keyporter.Forbidden, access.Why)
	}
	if kind(r) == keyporter.OrganizationToken && !actor.Fresh(c.Now()) {
		return redirect(confirmFirst(r.URL.RequestURI()))(w, r)
	}
	return c.showForm(w, r, actor, http.StatusOK, newTokenForm(kind(r), c.askNewExpiry()))
}

func (c *console) showRename(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, renameForm(r, t.Name))
}

func (c *console) renameToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	_, err := c.Control.RenameToken(r.Context(), actor, id(r), r.PostFormValue("name"))
	if _, other := fieldErrors(err); other != nil || err == nil {
		return c.changed(w, r, actor, err)
	}
	return c.showFormAgain(w, r, actor, renameForm(r, r.PostFormValue("name")), err)
}

func (c *console) showExpiry(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, expiryForm(r, t, c.askExpiry(t.ExpiresAt)))
}

func (c *console) setExpiry(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	at, expiry, err := c.expiryIn(r)
	if expiry.isLastDayOf(t.ExpiresAt) {
		at = t.ExpiresAt
	}
	if err == nil {
		_, err = c.Control.SetTokenExpiry(r.Context(), actor, t.ID, at)
	}
	if err != nil {
		return c.showFormAgain(w, r, actor, expiryForm(r, t, expiry), err)
	}
	return c.changed(w, r, actor, nil)
}

func (c *console) showDelete(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	row, err := c.rowWithUse(r, actor)
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, deleteForm(r, row))
}

func (c *console) showDisable(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	row, err := c.rowWithUse(r, actor)
	if err != nil {
		return err
	}
	return c.showForm(w, r, actor, http.StatusOK, disableForm(r, row))
}

// rowWithUse returns the token that a request is about, and how it was used.
func (c *console) rowWithUse(r *http.Request, actor keyporter.Actor) (tokenRow, error) {
	t, err := c.Control.TokenWithUse(r.Context(), actor, id(r))
	row := rowOf(t, c.Now())
	row.List, row.OnPage = r.FormValue("list"), onPage(r)
	return row, err
}
