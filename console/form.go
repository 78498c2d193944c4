package console

import (
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
)

// form is the content of a page that asks for one thing about a token; the script shows
// it as a dialog.
type form struct {
	Heading string
	Action  string // where it is sent
	Back    string // the page that it belongs to
	Submit  string // what the button says
	Said    string // when it is done
	Name    string // of the token, as typed
	Expires string // as typed, a day
	Login   string // as typed
	Today   string
	Errors  map[string]string // by field

	AskName, AskExpires, AskLogin bool

	Kind   keyporter.TokenKind // of the token that is added
	Delete *tokenRow           // asks whether to delete this one
}

// OfOrganization tells whether an organization token is about to be added.
func (f form) OfOrganization() bool { return f.Kind == keyporter.OrganizationToken }

func newTokenForm(kind keyporter.TokenKind) form {
	f := form{
		Heading: "Add new API Token", Action: "/tokens", Back: "/tokens", Submit: "Add token", Kind: kind,
		Said: "Added. Copy it now. You won’t see it again.", AskName: true, AskExpires: true,
	}
	if f.OfOrganization() {
		f.Heading = "Add new Organization API Token"
	}
	return f
}

// formOf begins a form about a token that is on a list.
func formOf(r *http.Request, verb string) form {
	f := form{Action: "/tokens/" + string(id(r)) + "/" + verb, Back: listOf(r)}
	if f.Back != "/tokens" {
		f.Action += "?list=" + r.FormValue("list")
	}
	return f
}

func renameForm(r *http.Request, name string) form {
	f := formOf(r, "rename")
	f.Heading, f.Submit, f.Said, f.AskName, f.Name = "Rename token", "Rename", "Renamed.", true, name
	return f
}

func expiryForm(r *http.Request, t keyporter.Token) form {
	f := formOf(r, "expiry")
	f.Heading, f.Submit, f.Said, f.AskExpires = "Change expiry of “"+t.Name+"”", "Save", "Saved.", true
	if !t.ExpiresAt.IsZero() {
		f.Expires = t.ExpiresAt.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
	}
	return f
}

func deleteForm(r *http.Request, row tokenRow) form {
	f := formOf(r, "delete")
	f.Heading, f.Submit, f.Said, f.Delete = "Delete “"+row.Name+"”?", "Delete token", "Deleted. Calls with it are now refused.", &row
	return f
}

func (c *console) ask(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, status int, f form) error {
	f.Today = c.Now().UTC().Format(time.DateOnly)
	l, err := c.layoutFor(r, actor, f.Heading, f)
	if err != nil {
		return err
	}
	return c.show(w, r, status, "form", l)
}

// again shows a form with what is wrong with it, and what was typed.
func (c *console) again(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, f form, err error) error {
	var other error
	if f.Errors, other = fieldErrors(err); other != nil {
		return other
	}
	return c.ask(w, r, actor, status(err), f)
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
	return c.ask(w, r, actor, http.StatusOK, newTokenForm(kind(r)))
}

func (c *console) showRename(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.ask(w, r, actor, http.StatusOK, renameForm(r, t.Name))
}

func (c *console) renameToken(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	_, err := c.Control.RenameToken(r.Context(), actor, id(r), r.PostFormValue("name"))
	if _, other := fieldErrors(err); other != nil || err == nil {
		return c.changed(w, r, actor, err)
	}
	return c.again(w, r, actor, renameForm(r, r.PostFormValue("name")), err)
}

func (c *console) showExpiry(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.ask(w, r, actor, http.StatusOK, expiryForm(r, t))
}

func (c *console) setExpiry(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.Token(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	at, err := parseDay(r.PostFormValue("expires"))
	if err == nil {
		_, err = c.Control.SetTokenExpiry(r.Context(), actor, t.ID, at)
	}
	if err != nil {
		f := expiryForm(r, t)
		f.Expires = r.PostFormValue("expires")
		return c.again(w, r, actor, f, err)
	}
	return c.changed(w, r, actor, nil)
}

func (c *console) showDelete(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	t, err := c.Control.TokenWithUse(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.ask(w, r, actor, http.StatusOK, deleteForm(r, rowOf(t, c.Now())))
}

// parseDay reads a day from a form as the moment when it is over, UTC; empty is never.
func parseDay(day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return t, keyporter.InvalidField("expires", "Enter a day such as 2027-01-31, or leave it empty.")
	}
	return t.AddDate(0, 0, 1), nil
}
