package console

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// newField is the query parameter that says which new secret a page shows. The secret itself comes in a cookie, sealed,
// and only once: reloading the page neither sends the form again nor shows the secret again.
const newField = "new"

// newSecret is a secret that a form has made.
type newSecret struct{ page, of, secret string }

// reveal redirects from a form to the page that shows a new secret.
func (c *console) reveal(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, s newSecret) error {
	sealed, err := c.Control.Conceal(r.Context(), actor, c.inSession(r, s.of), s.secret)
	if err != nil {
		return err
	}
	web.SetSecret(w, r, c.Proxies, sealed)
	return redirect(s.page+"?"+url.Values{newField: {s.of}}.Encode())(w, r)
}

// revealed returns the secret that a page has to show, and what it is of. It is empty if there is none.
func (c *console) revealed(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) (of, secret string, err error) {
	of, sealed := r.URL.Query().Get(newField), web.Secret(r, c.Proxies)
	if of == "" || sealed == "" || r.Method != http.MethodGet {
		return "", "", nil
	}
	web.SetSecret(w, r, c.Proxies, "")
	secret, err = c.Control.Reveal(r.Context(), actor, c.inSession(r, of), sealed)
	return of, secret, err
}

// inSession names what a secret is of, for one session only.
func (c *console) inSession(r *http.Request, of string) string {
	return fmt.Sprintf("%s %x", of, keyporter.HashSecret(web.Session(r, c.Proxies)))
}
