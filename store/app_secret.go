package store

import (
	"context"

	"github.com/keyporter/keyporter"
)

// InsertAppSecret writes the hash of a new secret of an app. If the app already has two, the
// error is NotFound.
func (tx *Tx) InsertAppSecret(ctx context.Context, c keyporter.AppCredential, hash keyporter.SecretHash) error {
	// Lock first, and count in a separate statement: on PostgreSQL, a statement that had to wait
	// for the lock would still count what was there when it began.
	if _, err := tx.LockApp(ctx, c.AppID); err != nil {
		return err
	}
	err := tx.execOrNotFound(ctx, `UPDATE apps SET version = version
		WHERE id = $1 AND (SELECT count(*) FROM app_secrets s WHERE s.app_id = $1) < 2`, c.AppID)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO app_secrets (hash, id, app_id, first, last, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, hash[:], c.ID, c.AppID, c.First, c.Last, millis(c.CreatedAt))
	return explain(err)
}

// DeleteAppSecret deletes a secret of an app.
func (tx *Tx) DeleteAppSecret(ctx context.Context, app, id keyporter.ID) error {
	return tx.execOrNotFound(ctx, `DELETE FROM app_secrets WHERE app_id = $1 AND id = $2`, app, id)
}

// DeleteAppSecrets deletes all secrets of an app.
func (tx *Tx) DeleteAppSecrets(ctx context.Context, app keyporter.ID) error {
	_, err := tx.exec(ctx, `DELETE FROM app_secrets WHERE app_id = $1`, app)
	return explain(err)
}

// AppSecretsOf returns the secrets of an app, latest first.
func (q queries) AppSecretsOf(ctx context.Context, app keyporter.ID) ([]keyporter.AppCredential, error) {
	scan := func(row scanner) (c keyporter.AppCredential, err error) {
		var created int64
		err = row.Scan(&c.ID, &c.AppID, &c.First, &c.Last, &created)
		c.CreatedAt = fromMillis(created)
		return c, err
	}
	return list(ctx, q.q, scan, `
		SELECT id, app_id, first, last, created_at FROM app_secrets WHERE app_id = $1 ORDER BY created_at DESC, id DESC`, app)
}
