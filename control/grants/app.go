package grants

import (
	"context"

	"github.com/keyporter/keyporter"
)

// App returns the app behind a client_id, in whatever state it is.
func (g *Grants) App(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	if !canBeID(id) {
		return keyporter.App{}, notFound("app")
	}
	a, err := g.db.AppByID(ctx, id)
	return a, missing(err, "app")
}

// IsAppSecret tells whether secret is one of the app's.
func (g *Grants) IsAppSecret(ctx context.Context, app keyporter.ID, secret string) (bool, error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretApp {
		return false, nil
	}
	a, err := g.db.AppBySecret(ctx, keyporter.HashSecret(secret))
	if keyporter.KindOf(err) == keyporter.NotFound {
		return false, nil
	}
	return err == nil && a.ID == app, err
}
