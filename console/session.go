package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// signInPage is the content of the sign-in page.
type signInPage struct {
	Login        string // as typed
	Next         string // path to go to afterward
	Ended        bool   // the session has ended
	Again        bool   // a signed-in user has to prove who they are again
	Fresh        bool   // the same, even if they just did, or to sign in as another user
	HasProviders bool   // some organizations sign in with an identity provider
	Error        string
}

// signInForm reads the form, without the password.
func (c *console) signInForm(r *http.Request) (p signInPage, err error) {
	p = signInPage{Login: strings.TrimSpace(r.FormValue("login")), Next: localPath(r.FormValue("next")), Again: r.FormValue("again") != "", Fresh: r.FormValue("fresh") != ""}
	p.HasProviders, err = c.Control.HasProviders(r.Context(), c.nobody(r))
	return p, err
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request) error {
	p, err := c.signInForm(r)
	if err != nil {
		return err
	}
	actor, err := c.session(r)
	switch {
	case err == nil && p.Fresh:
		if p.Login == "" {
			p.Login = actor.User.Login
		}
	case err == nil && (!p.Again || actor.Fresh(c.Now())):
		return redirect(p.Next)(w, r)
	case err == nil:
		p.Login = actor.User.Login
	default:
		p.Again, p.Fresh = false, false
		p.Ended = r.FormValue("ended") != "" && web.Session(r, c.Proxies) != ""
	}
	return c.show(w, r, http.StatusOK, "sign-in", layout{Title: "Sign in", Page: p})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) error {
	session, err := c.Control.SignIn(r.Context(), c.nobody(r), control.SignIn{
		Login: strings.TrimSpace(r.PostFormValue("login")), Password: r.PostFormValue("password"), Browser: web.Browser(r, c.Proxies),
	})
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	if err := c.replaceSession(w, r, session); err != nil {
		return err
	}
	return redirect(localPath(r.PostFormValue("next")))(w, r)
}

// signInAgain shows the form with the error.
func (c *console) signInAgain(w http.ResponseWriter, r *http.Request, err error) error {
	p, other := c.signInForm(r)
	if other != nil {
		return other
	}
	switch kind := keyporter.KindOf(err); {
	case keyporter.RetryAfterOf(err) > 0:
		p.Error = keyporter.MessageOf(err) + " " + setRetryAfter(w, err)
	case kind == keyporter.Unauthorized || kind == keyporter.Forbidden || kind == keyporter.Invalid:
		p.Error = keyporter.MessageOf(err)
	default:
		return err
	}
	return c.show(w, r, status(err), "sign-in", layout{Title: "Sign in", Page: p})
}

// confirmFirst returns the path of the page where signed-in users prove who they are again before
// they continue to next.
func confirmFirst(next string) string {
	return "/sign-in?" + url.Values{"next": {next}, "again": {"1"}}.Encode()
}

// replaceSession sets the cookie of a new session, ends the previous one, and has the browser remember
// who signed in.
func (c *console) replaceSession(w http.ResponseWriter, r *http.Request, session control.SignedIn) error {
	if actor, err := c.session(r); err == nil {
		if err := c.Control.SignOut(r.Context(), actor, web.Session(r, c.Proxies)); err != nil {
			return err
		}
	}
	web.SetBrowser(w, r, c.Proxies, session.Browser, control.BrowserLifetime)
	web.SetSession(w, r, c.Proxies, session.Cookie)
	return nil
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.SignOut(r.Context(), actor, web.Session(r, c.Proxies)); err != nil {
		return err
	}
	web.ClearSession(w, r, c.Proxies)
	return redirect("/sign-in")(w, r)
}
