package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// LockTokens makes other transactions that change the tokens, or count their calls, wait until this one ends. It locks
// them in the order of their IDs, so that two that lock the same ones never wait in a circle.
func (tx *Tx) LockTokens(ctx context.Context, ids []keyporter.ID) error {
	_, err := listByID(ctx, tx.q, scanString[keyporter.ID], `SELECT id FROM tokens WHERE id IN ($ids) ORDER BY id`+tx.lock("UPDATE"), ids)
	return err
}

// SetTokensEnabled switches tokens on or off.
func (tx *Tx) SetTokensEnabled(ctx context.Context, ids []keyporter.ID, enabled bool, now time.Time) error {
	marks, args := placeholders(ids, any(enabled), any(millis(now)))
	_, err := tx.exec(ctx, `UPDATE tokens SET enabled = $1, changed_at = $2 WHERE id IN `+marks, args...)
	return explain(err)
}

// SetTokensExpiry sets when tokens expire. Zero means never.
func (tx *Tx) SetTokensExpiry(ctx context.Context, ids []keyporter.ID, at, now time.Time) error {
	marks, args := placeholders(ids, any(millis(at)), any(millis(now)))
	_, err := tx.exec(ctx, `UPDATE tokens SET expires_at = $1, changed_at = $2 WHERE id IN `+marks, args...)
	return explain(err)
}

// DeleteTokens is DeleteToken for several tokens, which may be missing.
func (tx *Tx) DeleteTokens(ctx context.Context, ids []keyporter.ID, now time.Time) error {
	if err := tx.recordDeletedSecrets(ctx, ids...); err != nil {
		return err
	}
	marks, args := placeholders(ids, any(millis(now)))
	if _, err := tx.exec(ctx, `
		INSERT INTO deleted_tokens (id, organization_id, owner_id, kind, name, expires_at, created_at, deleted_at)
		SELECT id, organization_id, owner_id, kind, name, expires_at, created_at, $1 FROM tokens WHERE id IN `+marks, args...); err != nil {
		return explain(err)
	}
	marks, args = placeholders(ids)
	for _, query := range []string{
		`INSERT INTO deleted_token_secrets (hash, token_id, first, last, created_at)
			SELECT hash, token_id, first, last, created_at FROM token_secrets WHERE token_id IN `,
		`DELETE FROM tokens WHERE id IN `,
	} {
		if _, err := tx.exec(ctx, query+marks, args...); err != nil {
			return explain(err)
		}
	}
	return nil
}
