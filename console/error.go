package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// errorPage is the content of the page that says what went wrong.
type errorPage struct {
	Status    int
	Heading   string
	Message   string // what happened
	Next      string // what the reader can do, if Message doesn't say it
	RequestID string // with faults, of which the log says more; otherwise empty
	Way       wayOn
}

// wayOn is where to go from an error page.
type wayOn struct{ Path, Label string }

// Icon is the name of the icon that stands for the error.
func (p errorPage) Icon() string {
	switch {
	case p.Status == http.StatusForbidden:
		return "shield"
	case p.Status == http.StatusNotFound:
		return "search"
	case p.Status >= http.StatusInternalServerError:
		return "no-entry"
	}
	return "question"
}

// fail answers with an error. Users who aren't signed in are asked to sign in; an unexpected
// error is logged, and the page shows only a request ID.
func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	if keyporter.KindOf(err) == keyporter.Unauthorized && !wantsFragment(r) {
		q := url.Values{"next": {returnTo(r)}, "ended": {"1"}, "again": {"1"}}
		if login := r.URL.Query().Get("login"); login != "" && strings.HasPrefix(r.URL.Path, "/connect/") {
			q.Set("login", login) // the app thinks that it is them
		}
		http.Redirect(w, r, "/sign-in?"+q.Encode(), http.StatusSeeOther)
		return
	}
	p, requestID := errorPage{Status: status(err), Message: keyporter.MessageOf(err)}, web.RequestID(r.Context())
	switch p.Status {
	case http.StatusNotFound:
		if r.PathValue("id") != "" && firstSegment(r.URL.Path) != "connect" { // where the message says how to go on
			p.Next = "It may have been deleted. What you have no access to looks the same."
		}
	case http.StatusTooManyRequests:
		p.Next = setRetryAfter(w, err)
	case http.StatusServiceUnavailable:
		if keyporter.RetryAfterOf(err) > 0 {
			p.Message, p.Next = p.Message+" Nothing has changed.", setRetryAfter(w, err)
			break
		}
		if !keyporter.IsUncertain(err) { // its message says what to do
			p.Message += " Nothing has changed. Try again soon."
		}
		p.Next, p.RequestID = "If it lasts, tell the people who run this Keyporter, and give them this request ID:", requestID
		c.Log.Error("unavailable", "request_id", requestID, "error", err)
	case http.StatusInternalServerError:
		p.Message, p.RequestID = "Keyporter failed to show this page. It isn’t your fault, and it has been logged. Try again.", requestID
		if r.Method == http.MethodPost {
			p.Message = "Keyporter failed at this. It isn’t your fault, and it has been logged. " + keyporter.MayHaveChanged
		}
		p.Next = "If it keeps happening, tell the people who run this Keyporter, and give them this request ID:"
		level := slog.LevelError
		if r.Method != http.MethodPost && errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			level = slog.LevelDebug // whoever looked has gone
		}
		c.Log.Log(r.Context(), level, "unforeseen", "request_id", requestID, "error", err)
	}
	if err := c.showError(w, r, p); err != nil {
		c.Log.Error("show an error", "request_id", requestID, "error", err)
	}
}

func (c *console) showError(w http.ResponseWriter, r *http.Request, p errorPage) error {
	p.Heading = headings()[p.Status]
	return c.show(w, r, p.Status, "error", c.errorLayout(r, p))
}

// errorLayout is the frame of an error page: the usual one for signed-in users, as far as it
// can be loaded.
func (c *console) errorLayout(r *http.Request, p errorPage) layout {
	p.Way = wayOn{"/sign-in", "Sign in"}
	if web.Session(r, c.Proxies) != "" {
		p.Way = wayOn{"/tokens", "Go to API Tokens and Apps"}
	}
	bare := layout{Title: p.Heading, Page: p}
	if p.Status == http.StatusServiceUnavailable || wantsFragment(r) {
		return bare // loading the frame would probably fail, too
	}
	actor, err := c.session(r)
	if err != nil {
		p.Way = wayOn{"/sign-in", "Sign in"}
		bare.Page = p
		return bare
	}
	l, err := c.layoutFor(r, actor, p.Heading, p)
	if err != nil {
		return bare
	}
	for _, g := range l.Groups {
		for _, link := range g.Links {
			if link.Current == "true" { // on "page", the way would lead to where it begins
				p.Way = wayOn{link.Path, "Back to " + link.Name}
			}
		}
	}
	l.Page = p
	return l
}

// status returns the HTTP status for an error, and 200 for nil.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	switch keyporter.KindOf(err) {
	case keyporter.Invalid:
		return http.StatusUnprocessableEntity
	case keyporter.Unauthorized:
		return http.StatusUnauthorized
	case keyporter.Forbidden:
		return http.StatusForbidden
	case keyporter.NotFound:
		return http.StatusNotFound
	case keyporter.Conflict:
		return http.StatusConflict
	case keyporter.TooMany:
		return http.StatusTooManyRequests
	case keyporter.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

func headings() map[int]string {
	return map[int]string{
		http.StatusUnprocessableEntity: "We can’t read that",
		http.StatusUnauthorized:        "Sign in again",
		http.StatusForbidden:           "You can’t do that",
		http.StatusNotFound:            "Not found",
		http.StatusMethodNotAllowed:    "Method not allowed",
		http.StatusConflict:            "This was changed while you were editing",
		http.StatusTooManyRequests:     "Too many attempts",
		http.StatusServiceUnavailable:  "Not available right now",
		http.StatusInternalServerError: "Something went wrong",
	}
}

// setRetryAfter sets the header Retry-After and returns the same as a sentence.
func setRetryAfter(w http.ResponseWriter, err error) string {
	return "Try again in " + span(web.SetRetryAfter(w, keyporter.RetryAfterOf(err))) + "."
}

// fieldErrors returns what is wrong with each field. If err isn't about fields, it returns err.
func fieldErrors(err error) (map[string]string, error) {
	all := keyporter.FieldsOf(err)
	if kind := keyporter.KindOf(err); len(all) == 0 || kind != keyporter.Invalid && kind != keyporter.Conflict {
		return nil, err
	}
	fields := map[string]string{}
	for _, f := range all {
		fields[f.Field] = strings.TrimPrefix(fields[f.Field]+" "+f.Message, " ")
	}
	return fields, nil
}

// fault says why a form was rejected. The form shows it, along with what the user typed.
type fault struct {
	Fields map[string]string // by field
	Text   string            // about the form as a whole
}

// faultOf returns the fault to show for err, or an empty one if err is nil. If a form can't show
// err, it returns err.
func faultOf(err error) (fault, error) {
	if fields, other := fieldErrors(err); other == nil {
		return fault{Fields: fields}, nil
	}
	switch keyporter.KindOf(err) {
	case keyporter.Invalid, keyporter.Conflict, keyporter.Forbidden:
		return fault{Text: keyporter.MessageOf(err)}, nil
	}
	return fault{}, err
}
