package console

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// joinPage is the content of the page that asks once for the password of an account before it is
// connected to the provider that the reader comes from.
type joinPage struct {
	Login string
	Next  string // path to go to afterward
	Error string
}

func (c *console) join(w http.ResponseWriter, r *http.Request) error {
	sealed, p := web.SignIn(r, c.Proxies), joinPage{Next: localPath(r.PostFormValue("next"))}
	session, err := c.Control.JoinByPassword(r.Context(), c.nobody(r), control.Join{Sealed: sealed, Password: r.PostFormValue("password"), Browser: web.Browser(r, c.Proxies)})
	if err == nil {
		web.SetSignIn(w, r, c.Proxies, "")
		if err := c.replaceSession(w, r, session); err != nil {
			return err
		}
		return redirect(p.Next)(w, r)
	}
	switch {
	case keyporter.KindOf(err) == keyporter.Unauthorized:
		p.Error = keyporter.MessageOf(err)
	case keyporter.RetryAfterOf(err) > 0:
		p.Error = keyporter.MessageOf(err) + " " + setRetryAfter(w, err)
	default:
		return c.signInAgain(w, r, err)
	}
	var other error
	if p.Login, other = c.Control.JoinLogin(r.Context(), c.nobody(r), sealed); other != nil {
		return other
	}
	return c.show(w, r, status(err), "join", layout{Title: "Sign in", Page: p})
}
