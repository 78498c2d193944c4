package control

import (
	"context"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// Verdict is what has to happen before a signed-in user's request can be answered.
type Verdict struct {
	Connection keyporter.Connection // the user's connection with the app, zero if there is none
	SignIn     bool                 // they must sign in again first
	Ask        bool                 // they must be asked for consent
}

// signInFirst reports whether the actor must sign in again before they can answer.
func signInFirst(asked grants.Asked, actor keyporter.Actor) bool {
	return actor.SignedInAt.Before(asked.FreshSince) || asked.Subject != "" && asked.Subject != actor.User.ID
}

// Judge returns what a request means for the actor: whether they may connect the app at all,
// and what they have to be asked. If they may not connect the app, it returns Forbidden with
// a sentence for them.
func (c *Control) Judge(ctx context.Context, actor keyporter.Actor, a grants.Authorization) (Verdict, error) {
	app, err := c.connectable(ctx, c.db, actor, a.AppID)
	if err != nil {
		return Verdict{}, err
	}
	conn, err := c.db.ConnectionOf(ctx, actor.User.ID, a.AppID)
	if keyporter.KindOf(err) == keyporter.NotFound {
		conn, err = keyporter.Connection{}, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{
		Connection: conn,
		SignIn:     signInFirst(a.Asked, actor),
		// Anyone may have sent the user a device's code, so they are asked each time (RFC 8628
		// §5.4). And any program on their machine can claim to be an app that runs there (RFC
		// 8252 §8.6).
		Ask: a.Asked.Consent || a.Asked.Device || impersonable(app, a.Asked.RedirectURI) || conn.ID == "" || len(missingScopes(app, a.Asked.Scopes, conn.Scopes)) > 0,
	}, nil
}

// impersonable reports whether another program could impersonate the app: it has no secret to
// prove itself with, and its answers don't go to a web address, which has one owner.
func impersonable(app keyporter.App, redirectURI string) bool {
	return app.Authentication == keyporter.AppPublic && !strings.HasPrefix(strings.ToLower(redirectURI), "https://")
}

// missingScopes returns the requested scopes that the connection doesn't have and that the user
// couldn't have left out. An optional one that they left out isn't asked for over and over;
// an app that wants to ask again sends prompt=consent.
func missingScopes(app keyporter.App, asked, held []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(held, s) || optional(app, s) })
}

func optional(app keyporter.App, scope string) bool {
	return slices.Contains(app.Scopes, keyporter.AppScope{Name: scope, Optional: true})
}

// connector reads what decides whether a user may connect an app.
type connector interface {
	reader
	AppByID(context.Context, keyporter.ID) (keyporter.App, error)
	AppPolicyOf(context.Context, keyporter.ID) (keyporter.AppPolicy, []keyporter.ID, error)
}

// connectable returns the app if the actor may connect it.
func (c *Control) connectable(ctx context.Context, q connector, actor keyporter.Actor, id keyporter.ID) (keyporter.App, error) {
	if !actor.SignedIn() {
		return keyporter.App{}, notSignedIn()
	}
	org := actor.User.OrganizationID
	if _, err := may(ctx, q, actor, org, keyporter.PermissionConnectApps); err != nil {
		return keyporter.App{}, err
	}
	app, err := q.AppByID(ctx, id)
	if err != nil {
		return app, missing(err, "app")
	}
	policy, listed, err := q.AppPolicyOf(ctx, org)
	switch {
	case err != nil:
		return app, err
	case app.State != keyporter.AppActive:
		return app, keyporter.Refuse(keyporter.Forbidden, "This app is switched off.")
	case app.OrganizationID != "" && app.OrganizationID != org:
		return app, keyporter.Refuse(keyporter.Forbidden, "This app is for users of another organization.")
	case policy == keyporter.NoApps:
		return app, keyporter.Refuse(keyporter.Forbidden, "Your organization doesn’t allow apps.")
	case policy == keyporter.ListedApps && !slices.Contains(listed, id):
		return app, keyporter.Refuse(keyporter.Forbidden, "Your organization doesn’t allow this app.")
	}
	return app, nil
}
