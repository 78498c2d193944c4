package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// ReplaceSetupLink makes this the only link that can create the first operator.
func (tx *Tx) ReplaceSetupLink(ctx context.Context, hash keyporter.SecretHash, expiresAt time.Time) error {
	if err := tx.EndSetupLinks(ctx); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO setup_links (hash, expires_at) VALUES ($1, $2)`, hash[:], millis(expiresAt))
	return explain(err)
}

// EndSetupLinks ends the setup link, if there is one.
func (tx *Tx) EndSetupLinks(ctx context.Context) error {
	_, err := tx.exec(ctx, `DELETE FROM setup_links`)
	return explain(err)
}

// HasSetupLink reports whether the link is valid at now.
func (q queries) HasSetupLink(ctx context.Context, hash keyporter.SecretHash, now time.Time) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM setup_links WHERE hash = $1 AND expires_at > $2`, hash[:], millis(now))
	return n > 0, err
}

// UseSetupLink uses the link up. Of several simultaneous attempts, one succeeds, and the others
// get NotFound.
func (tx *Tx) UseSetupLink(ctx context.Context, hash keyporter.SecretHash, now time.Time) error {
	return tx.execOrNotFound(ctx, `DELETE FROM setup_links WHERE hash = $1 AND expires_at > $2`, hash[:], millis(now))
}
