package console

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// connectPage is the content of the page that asks whether an app may act on the user's
// behalf.
type connectPage struct {
	control.Consent
	Login        string
	Organization string
	Again        string // leads to the sign-in, to sign in as another user
}

// Must are the scopes that can't be left out, May those that can.
func (p connectPage) Must() []control.ConsentScope { return p.pick(false) }

// May are the scopes that can be left out.
func (p connectPage) May() []control.ConsentScope { return p.pick(true) }

func (p connectPage) pick(optional bool) (some []control.ConsentScope) {
	for _, s := range p.Scopes {
		if s.Optional == optional {
			some = append(some, s)
		}
	}
	return some
}

// Adds tells whether the app is connected already and asks for more.
func (p connectPage) Adds() bool {
	for _, s := range p.Scopes {
		if s.Held {
			return true
		}
	}
	return false
}

// OwnMachine tells whether answers go to a program on the reader's own machine, where any
// program can wait for them.
func (p connectPage) OwnMachine() bool { return strings.Contains(p.RedirectTo, "://") }

func connectPath(request string) string { return "/connect/" + url.PathEscape(request) }

func (c *console) showConnect(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	request := r.PathValue("id")
	consent, err := c.Control.Consent(r.Context(), actor, request, web.Authorize(r, c.Proxies))
	switch {
	case keyporter.KindOf(err) == keyporter.Forbidden:
		return c.show(w, r, http.StatusForbidden, "connect-refused", layout{Title: "Not allowed", Page: connectRefused{Request: request, Text: keyporter.MessageOf(err)}})
	case err != nil:
		return err
	case consent.SignInAgain:
		return redirect(signInAnew(connectPath(request), consent.LoginHint))(w, r)
	case !consent.Asks:
		return c.goOn(w, r, consent.App.Name, request)
	}
	org, err := c.Control.Organization(r.Context(), actor)
	if err != nil {
		return err
	}
	p := connectPage{Consent: consent, Login: actor.User.Login, Organization: org.Name, Again: signInAnew(connectPath(request), "")}
	return c.show(w, r, http.StatusOK, "connect", layout{Title: "Connect " + consent.App.Name, Page: p})
}

// connectRefused is the content of the page that says why the reader can't connect an app.
type connectRefused struct{ Request, Text string }

// answerConnect handles the user's answer.
func (c *console) answerConnect(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	request, browser := r.PathValue("id"), web.Authorize(r, c.Proxies)
	// What app it is, and whether there is a way back; who may not connect it may deny all the same.
	consent, err := c.Control.Consent(r.Context(), actor, request, browser)
	if err != nil && keyporter.KindOf(err) != keyporter.Forbidden {
		return err
	}
	switch r.PostFormValue("answer") {
	case "allow":
		err = c.Control.Connect(r.Context(), actor, control.ConnectApp{
			Request: request, Browser: browser, Scopes: r.PostForm["scope"], Offered: r.PostForm["offered"],
		})
	case "deny":
		err = c.Control.Decline(r.Context(), actor, request, browser)
	default:
		err = keyporter.Refuse(keyporter.Invalid, "Choose whether to allow or deny this. Nothing has changed.")
	}
	if err != nil {
		return err
	}
	if consent.Device {
		p := deviceDone{App: consent.App.Name, Allowed: r.PostFormValue("answer") == "allow"}
		return c.show(w, r, http.StatusOK, "device-done", layout{Title: "Back to your device", Page: p})
	}
	return c.goOn(w, r, consent.App.Name, request)
}

// goingOn is the content of the page that leads back to the app.
type goingOn struct {
	App string // its name; may be empty
	To  string
}

// goOn has the browser go on to the authorization endpoint, which sends it to the app. It
// isn't a redirect: browsers hold the redirects after a form to the form-action of our
// policy, and the app is elsewhere.
func (c *console) goOn(w http.ResponseWriter, r *http.Request, app, request string) error {
	p := goingOn{App: app, To: "/oauth2/authorize/" + url.PathEscape(request)}
	return c.show(w, r, http.StatusOK, "going-on", layout{Title: "Going back", Refresh: p.To, Page: p})
}

// devicePage is the content of the page where the user types a device's code.
type devicePage struct {
	Code  string // as typed, or from the link
	Login string
	Fault fault
}

// deviceDone is the content of the page after the answer for a device.
type deviceDone struct {
	App     string
	Allowed bool
}

func (c *console) showDevice(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.showDevicePage(w, r, http.StatusOK, devicePage{Code: r.URL.Query().Get("user_code"), Login: actor.User.Login})
}

func (c *console) showDevicePage(w http.ResponseWriter, r *http.Request, status int, p devicePage) error {
	return c.show(w, r, status, "device", layout{Title: "Connect a device", Page: p})
}

func (c *console) openDevice(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	browser := web.Authorize(r, c.Proxies)
	if browser == "" {
		browser = rand.Text() + rand.Text()
		web.SetAuthorize(w, r, c.Proxies, browser)
	}
	p := devicePage{Code: r.PostFormValue("code"), Login: actor.User.Login}
	request, err := c.Control.OpenDevice(r.Context(), actor, p.Code, browser)
	if err == nil {
		return redirect(connectPath(request))(w, r)
	}
	if keyporter.KindOf(err) == keyporter.TooMany {
		p.Fault = fault{Text: keyporter.MessageOf(err) + " " + setRetryAfter(w, err)}
		return c.showDevicePage(w, r, status(err), p)
	}
	var other error
	if p.Fault, other = faultOf(err); other != nil {
		return other
	}
	return c.showDevicePage(w, r, status(err), p)
}

// signInAnew is the sign-in even for users who have just signed in: as another user, or
// because an app asks for it.
func signInAnew(next, login string) string {
	q := url.Values{"next": {next}, "anew": {"1"}}
	if login != "" {
		q.Set("login", login)
	}
	return "/sign-in?" + q.Encode()
}
