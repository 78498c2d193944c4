package control

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/store"
)

// Consent is what a user is asked before an app may act on their behalf.
type Consent struct {
	App         keyporter.App
	Request     string // its ID
	Scopes      []ConsentScope
	RedirectTo  string // host the user is sent to, with the scheme if it isn't https; empty with Device
	Device      bool
	Asks        bool   // false: they have already consented to what is requested
	SignInAgain bool   // they must sign in again first
	LoginHint   string // who the app thinks the user is
}

// ConsentScope is one requested scope.
type ConsentScope struct {
	Scope    keyporter.Scope
	Optional bool // the user may leave it out
	Held     bool // the connection has it already
}

// Consent returns what the actor is asked. browser is the secret in the cookie that the
// request is bound to: a request made in another browser doesn't exist (login CSRF, RFC 9700
// §4.7).
func (c *Control) Consent(ctx context.Context, actor keyporter.Actor, request, browser string) (Consent, error) {
	a, err := c.unanswered(ctx, request, browser)
	if err != nil {
		return Consent{}, err
	}
	v, err := c.Judge(ctx, actor, a)
	if err != nil {
		return Consent{}, err
	}
	app, err := c.db.AppByID(ctx, a.AppID)
	if err != nil {
		return Consent{}, err
	}
	out := Consent{
		App: app, Request: request, RedirectTo: shownAddress(a.Asked.RedirectURI),
		Device: a.Asked.Device, Asks: v.Ask, SignInAgain: v.SignIn, LoginHint: a.Asked.LoginHint,
	}
	for _, name := range a.Asked.Scopes {
		s, ok := keyporter.FindScope(c.scopes, name)
		if !ok {
			s = keyporter.Scope{Name: name, Means: name}
		}
		out.Scopes = append(out.Scopes, ConsentScope{Scope: s, Optional: optional(app, name), Held: slices.Contains(v.Connection.Scopes, name)})
	}
	return out, nil
}

func (c *Control) unanswered(ctx context.Context, request, browser string) (grants.Authorization, error) {
	a, err := c.grants.Authorization(ctx, request, browser)
	if err == nil && (a.Answer.Allowed || a.Answer.Denied) {
		err = grants.Ended(keyporter.Refuse(keyporter.NotFound, ""))
	}
	return a, err
}

// shownAddress returns where a redirect leads, in a form that a person can judge.
func shownAddress(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || uri == "":
		return ""
	case u.Scheme == "https":
		return u.Host
	default:
		return u.Scheme + "://" + u.Host
	}
}

// ConnectApp is the input of Connect.
type ConnectApp struct {
	Request string   // ID of the request
	Browser string   // secret in the cookie that the request is bound to
	Scopes  []string // the scopes the user allows; those that weren't optional are allowed anyway
	Offered []string // the scopes that were shown as optional
}

// Connect makes a connection, or extends the existing one, by what a request asks for, and
// records the answer for the app.
func (c *Control) Connect(ctx context.Context, actor keyporter.Actor, in ConnectApp) error {
	a, err := c.unanswered(ctx, in.Request, in.Browser)
	if err != nil {
		return err
	}
	if !actor.SignedIn() {
		return notSignedIn()
	}
	// Two simultaneous consents must not lose each other's scopes, and no permission may be
	// removed in between.
	return c.locked(ctx, actor, actor.User.OrganizationID, func(tx *store.Tx) error {
		app, err := c.connectable(ctx, tx, actor, a.AppID)
		if err != nil {
			return err
		}
		if signInFirst(a.Asked, actor) {
			return keyporter.Refuse(keyporter.Unauthorized, "Sign in again first. The app requires it.")
		}
		allowed := slices.DeleteFunc(slices.Clone(a.Asked.Scopes), func(s string) bool {
			// What they left out stays out, even if the app's people made it mandatory while
			// the user was reading.
			return (optional(app, s) || slices.Contains(in.Offered, s)) && !slices.Contains(in.Scopes, s)
		})
		conn, err := c.extend(ctx, tx, actor, app, allowed)
		if err != nil {
			return err
		}
		return grants.Ended(tx.AnswerAuthorization(ctx, store.Authorization{
			ID: keyporter.HashSecret(a.ID), Answer: store.Allowed, UserID: actor.User.ID, ConnectionID: conn.ID, Scopes: allowed, SignedInAt: actor.SignedInAt,
		}, c.now()))
	})
}

// extend makes a connection, or adds scopes to the existing one.
func (c *Control) extend(ctx context.Context, tx *store.Tx, actor keyporter.Actor, app keyporter.App, scopes []string) (keyporter.Connection, error) {
	now := c.now()
	held, err := tx.ConnectionOf(ctx, actor.User.ID, app.ID)
	if err == nil {
		held, err = tx.LockConnection(ctx, held.ID) // a scope that is being removed must not come back
	}
	isNew := keyporter.KindOf(err) == keyporter.NotFound
	if err != nil && !isNew {
		return held, err
	}
	all := slices.Clone(held.Scopes)
	for _, s := range scopes {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	conn, err := tx.PutConnection(ctx, keyporter.Connection{
		ID: keyporter.NewID(now), UserID: actor.User.ID, OrganizationID: actor.User.OrganizationID, AppID: app.ID,
		Scopes: all, CreatedAt: now, Address: actor.Address, Agent: text(actor.Agent, 200),
	})
	if err != nil || !isNew && len(all) == len(held.Scopes) {
		return conn, err
	}
	e := c.event(keyporter.EventConnectionCreate, actor)
	if !isNew {
		e.Name = keyporter.EventConnectionExtend
	}
	e.OrganizationID, e.UserID, e.AppID, e.ConnectionID = conn.OrganizationID, conn.UserID, conn.AppID, conn.ID
	e.Detail = map[string]string{"app": app.Name, "scopes": strings.Join(all, " ")}
	return conn, tx.InsertEvent(ctx, e)
}

// Decline records that the user denies a request.
func (c *Control) Decline(ctx context.Context, actor keyporter.Actor, request, browser string) error {
	if _, err := c.unanswered(ctx, request, browser); err != nil {
		return err
	}
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return err
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		return grants.Ended(tx.AnswerAuthorization(ctx, store.Authorization{ID: keyporter.HashSecret(request), Answer: store.Denied, UserID: actor.User.ID}, c.now()))
	})
}

// userCodeLimit is how often device codes can be tried, by one user and from one address.
var userCodeLimit = store.Limit{Burst: 10, Every: time.Minute}

// OpenDevice returns the request of the device that shows the code the actor typed, and
// binds it to their browser. Attempts are rate-limited: the code is short (RFC 8628 §5.1).
func (c *Control) OpenDevice(ctx context.Context, actor keyporter.Actor, code, browser string) (request string, err error) {
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return "", err
	}
	if browser == "" {
		return "", notSignedIn()
	}
	for _, what := range []string{"device user " + string(actor.User.ID), "device address " + keyporter.Network(actor.Address)} {
		if err := c.db.Attempt(ctx, c.now(), store.Attempt{What: what, Limit: userCodeLimit}); err != nil {
			return "", err
		}
	}
	a, err := c.grants.TakeUserCode(ctx, code, browser)
	if keyporter.KindOf(err) == keyporter.NotFound {
		err = keyporter.InvalidField("code", "No device has this code. Check your device: the code may have changed.")
	}
	return a.ID, err
}
