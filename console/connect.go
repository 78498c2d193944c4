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
	Again        string // path of the sign-in, for signing in as another user
}

// Required returns the scopes that the user can't leave out.
func (p connectPage) Required() []control.ConsentScope { return p.pick(false) }

// Optional returns the scopes that the user can leave out.
func (p connectPage) Optional() []control.ConsentScope { return p.pick(true) }

func (p connectPage) pick(optional bool) (some []control.ConsentScope) {
	for _, s := range p.Scopes {
		if s.Optional == optional {
			some = append(some, s)
		}
	}
	return some
}

// AsksForMore reports whether the app is already connected, and asks for more.
func (p connectPage) AsksForMore() bool {
	held, more := 0, 0
	for _, s := range p.Scopes {
		if s.Held {
			held++
		} else {
			more++
		}
	}
	return held > 0 && more > 0
}

// OwnMachine reports whether the answer goes to a program on the reader's own machine, where any
// program could be listening.
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
		return redirect(forceSignIn(connectPath(request), consent.LoginHint))(w, r)
	case !consent.Asks:
		return c.returnToApp(w, r, consent.App.Name, request)
	}
	org, err := c.Control.Organization(r.Context(), actor)
	if err != nil {
		return err
	}
	p := connectPage{Consent: consent, Login: actor.User.Login, Organization: org.Name, Again: forceSignIn(connectPath(request), "")}
	return c.show(w, r, http.StatusOK, "connect", layout{Title: "Connect " + consent.App.Name, Page: p})
}

// connectRefused is the content of the page that explains why the reader can't connect an app.
type connectRefused struct{ Request, Text string }

// answerConnect handles the user's answer.
func (c *console) answerConnect(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	request, browser := r.PathValue("id"), web.Authorize(r, c.Proxies)
	// Users who may not connect the app can still deny the request, which leads back to the app.
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
	return c.returnToApp(w, r, consent.App.Name, request)
}

// returnPage is the content of the page that sends the browser back to the app.
type returnPage struct {
	App string // its name; may be empty
	To  string // path
}

// returnToApp sends the browser to the authorization endpoint, which redirects it to the app. It
// shows a page that refreshes, because browsers apply the form-action of our content security
// policy to redirects after a form, too, and would block the one to the app.
func (c *console) returnToApp(w http.ResponseWriter, r *http.Request, app, request string) error {
	p := returnPage{App: app, To: "/oauth2/authorize/" + url.PathEscape(request)}
	return c.show(w, r, http.StatusOK, "return-to-app", layout{Title: "Going back", Refresh: p.To, Page: p})
}

// devicePage is the content of the page where the user enters a device's code.
type devicePage struct {
	Code  string // as typed, or from the link
	Login string
	Fault fault
}

// deviceDone is the content of the page after the user has answered a device's request.
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

// forceSignIn returns the path of the sign-in that is shown even to users who have just signed in:
// because they want to sign in as another user, or because an app requires it.
func forceSignIn(next, login string) string {
	q := url.Values{"next": {next}, "fresh": {"1"}}
	if login != "" {
		q.Set("login", login)
	}
	return "/sign-in?" + q.Encode()
}
