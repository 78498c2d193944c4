package console

import (
	"net/http"
	"strings"

	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// setupPage is the content of the page that the one-time setup link opens.
type setupPage struct {
	Code         string
	Organization string
	Login        string
	MinPassword  int
	Errors       map[string]string // by field
}

func (c *console) showSetup(w http.ResponseWriter, r *http.Request) error {
	if err := c.Control.SetupOpen(r.Context(), c.nobody(r), r.PathValue("code")); err != nil {
		return err
	}
	return c.showSetupPage(w, r, http.StatusOK, setupPage{Code: r.PathValue("code")})
}

func (c *console) showSetupPage(w http.ResponseWriter, r *http.Request, status int, p setupPage) error {
	p.MinPassword = control.MinPasswordLen
	return c.show(w, r, status, "setup", layout{Title: "Set up Keyporter", Page: p})
}

func (c *console) setUp(w http.ResponseWriter, r *http.Request) error {
	p := setupPage{Code: r.PathValue("code"), Organization: r.PostFormValue("organization"), Login: strings.TrimSpace(r.PostFormValue("login"))}
	password := r.PostFormValue("password")
	_, err := c.Control.Setup(r.Context(), c.nobody(r), control.Setup{Code: p.Code, Organization: p.Organization, Login: p.Login, Password: password})
	if err != nil {
		fields, other := fieldErrors(err)
		if other != nil {
			return other
		}
		p.Errors = fields
		return c.showSetupPage(w, r, status(err), p)
	}
	session, err := c.Control.SignIn(r.Context(), c.nobody(r), control.SignIn{Login: p.Login, Password: password, Browser: web.Browser(r, c.Proxies)})
	if err != nil {
		return err
	}
	if err := c.replaceSession(w, r, session); err != nil {
		return err
	}
	return redirect("/start")(w, r)
}
