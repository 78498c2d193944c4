package store

import (
	"context"

	"github.com/keyporter/keyporter"
)

// SetAppRegistration keeps the hash of the token by which an app that registered itself manages that.
func (tx *Tx) SetAppRegistration(ctx context.Context, app keyporter.ID, hash keyporter.SecretHash) error {
	return tx.must(ctx, `UPDATE apps SET registration = $2 WHERE id = $1`, app, hash[:])
}

// AppByRegistration returns an app that registered itself, by that token's hash.
func (q queries) AppByRegistration(ctx context.Context, app keyporter.ID, hash keyporter.SecretHash) (keyporter.App, error) {
	return one(ctx, q.q, scanApp, `SELECT `+appColumns+` FROM apps a WHERE a.id = $1 AND a.registration = $2 AND a.dynamic`, app, hash[:])
}
