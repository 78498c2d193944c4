package console

import (
	"net/http"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// signedIn lets h run for who is signed in.
func (c *console) signedIn(h func(http.ResponseWriter, *http.Request, keyporter.Actor) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		actor, err := c.Control.Session(r.Context(), web.Session(r, c.Proxies))
		if err != nil {
			return err
		}
		actor.Address, actor.Agent, actor.RequestID = c.Proxies.ClientAddr(r), r.UserAgent(), web.RequestID(r.Context())
		return h(w, r, actor)
	}
}

// signInPage is the content of the sign-in page.
type signInPage struct {
	Login string // as typed
	Next  string // where to go then
	Ended bool   // the session has
	Again bool   // who is signed in is to prove it, or to be somebody else
	Error string
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request) error {
	actor, err := c.Control.Session(r.Context(), web.Session(r, c.Proxies))
	if again := r.FormValue("again") != ""; err == nil && again {
		p := signInPage{Next: local(r.FormValue("next")), Again: true, Login: r.FormValue("login")}
		if p.Login == "" {
			p.Login = actor.User.Login
		}
		return c.show(w, r, http.StatusOK, "sign-in", layout{Title: "Sign in again", Page: p})
	}
	if err == nil {
		return redirect(local(r.FormValue("next")))(w, r)
	}
	ended := r.FormValue("ended") != "" && web.Session(r, c.Proxies) != ""
	return c.show(w, r, http.StatusOK, "sign-in", layout{Title: "Sign in", Page: signInPage{Next: local(r.FormValue("next")), Ended: ended}})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) error {
	p := signInPage{Login: strings.TrimSpace(r.PostFormValue("login")), Next: local(r.PostFormValue("next")), Again: r.PostFormValue("again") != ""}
	cookie, err := c.Control.SignIn(r.Context(), control.SignIn{
		Login: p.Login, Password: r.PostFormValue("password"), Address: c.Proxies.ClientAddr(r), Agent: r.UserAgent(),
	})
	switch keyporter.KindOf(err) {
	case keyporter.Unauthorized, keyporter.Forbidden:
		p.Error = keyporter.MessageOf(err)
	case keyporter.TooMany:
		p.Error = keyporter.MessageOf(err) + " " + setRetryAfter(w, err)
	default:
		if err != nil {
			return err
		}
		if err := c.endBefore(r); err != nil {
			return err
		}
		web.SetSession(w, r, c.Proxies, cookie)
		return redirect(p.Next)(w, r)
	}
	return c.show(w, r, status(err), "sign-in", layout{Title: "Sign in", Page: p})
}

// endBefore ends the session that the browser has while another one begins in its place.
func (c *console) endBefore(r *http.Request) error {
	before := web.Session(r, c.Proxies)
	actor, err := c.Control.Session(r.Context(), before)
	if keyporter.KindOf(err) == keyporter.Unauthorized {
		return nil
	}
	if err != nil {
		return err
	}
	actor.Address, actor.RequestID = c.Proxies.ClientAddr(r), web.RequestID(r.Context())
	return c.Control.SignOut(r.Context(), actor, before)
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.SignOut(r.Context(), actor, web.Session(r, c.Proxies)); err != nil {
		return err
	}
	web.ClearSession(w, r, c.Proxies)
	return redirect("/sign-in")(w, r)
}
