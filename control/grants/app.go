package grants

import (
	"context"

	"github.com/keyporter/keyporter"
)

// App returns the app with a client_id, whatever its state.
func (g *Grants) App(ctx context.Context, id keyporter.ID) (keyporter.App, error) {
	if !canBeID(id) {
		return keyporter.App{}, notFound("app")
	}
	a, err := g.db.AppByID(ctx, id)
	return a, missing(err, "app")
}

// AppWithSecret returns the app with a client_id, whatever its state, and reports whether the
// secret is one of its own.
func (g *Grants) AppWithSecret(ctx context.Context, id keyporter.ID, secret string) (app keyporter.App, itsOwn bool, err error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretApp {
		app, err = g.App(ctx, id)
		return app, false, err
	}
	if !canBeID(id) {
		return app, false, notFound("app")
	}
	app, itsOwn, err = g.db.AppWithSecret(ctx, id, keyporter.HashSecret(secret))
	return app, itsOwn, missing(err, "app")
}
