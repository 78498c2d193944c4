package control

import (
	"context"

	"github.com/keyporter/keyporter"
)

// Client returns the app behind a client_id, in whatever state it is.
func (c *Control) Client(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	a, err := c.db.AppByID(ctx, keyporter.ID(text(string(id), maxClientID)))
	return a, missing(err, "app")
}

const maxClientID = 100

// IsAppSecret tells whether secret is one of those of the app.
func (c *Control) IsAppSecret(ctx context.Context, app keyporter.ID, secret string) (bool, error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretApp {
		return false, nil
	}
	a, err := c.db.AppBySecret(ctx, keyporter.HashSecret(secret))
	if keyporter.KindOf(err) == keyporter.NotFound {
		return false, nil
	}
	return err == nil && a.ID == app, err
}

// Scope returns what there is to say about a scope, of the operator's or OpenID's.
func (c *Control) Scope(name string) (keyporter.Scope, bool) {
	for _, all := range [][]keyporter.Scope{c.scopes, keyporter.OpenIDScopes()} {
		for _, s := range all {
			if s.Name == name {
				return s, true
			}
		}
	}
	return keyporter.Scope{}, false
}
