package store

import (
	"context"

	"github.com/keyporter/keyporter"
)

// SetAppRegistration stores the hash of the registration access token, with which an app that
// registered itself manages its registration.
func (tx *Tx) SetAppRegistration(ctx context.Context, app keyporter.ID, hash keyporter.SecretHash) error {
	return tx.execOrNotFound(ctx, `UPDATE apps SET registration = $2 WHERE id = $1`, app, hash[:])
}

// AppByRegistration returns an app by its ID and the hash of its registration access token.
func (q queries) AppByRegistration(ctx context.Context, app keyporter.ID, hash keyporter.SecretHash) (keyporter.App, error) {
	return one(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE a.id = $1 AND a.registration = $2 AND a.dynamic`, app, hash[:])
}
