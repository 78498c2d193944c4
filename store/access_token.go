package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

// InsertAccessToken writes a new access token under its grant.
func (tx *Tx) InsertAccessToken(ctx context.Context, t keyporter.AccessToken, hash keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `
		INSERT INTO access_tokens (hash, id, grant_id, scopes, resources, key_hash, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash[:], t.ID, t.GrantID, strings.Join(t.Scopes, " "), strings.Join(t.Resources, " "), t.KeyHash, millis(t.CreatedAt), millis(t.ExpiresAt))
	if err != nil {
		return fmt.Errorf("insert access token: %w", explain(err))
	}
	return nil
}

// DeleteAccessToken ends an access token; one that has ended already is NotFound.
func (tx *Tx) DeleteAccessToken(ctx context.Context, id keyporter.ID) error {
	return tx.must(ctx, `DELETE FROM access_tokens WHERE id = $1`, id)
}
