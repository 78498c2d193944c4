package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

// InsertAccessToken writes a new access token under its grant. If the grant was revoked, the
// error is NotFound.
func (tx *Tx) InsertAccessToken(ctx context.Context, t keyporter.AccessToken, hash keyporter.SecretHash) error {
	if err := tx.lockGrant(ctx, t.GrantID); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `
		INSERT INTO access_tokens (hash, id, grant_id, scopes, resources, key_hash, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash[:], t.ID, t.GrantID, strings.Join(t.Scopes, " "), strings.Join(t.Resources, " "), t.KeyHash, millis(t.CreatedAt), millis(t.ExpiresAt))
	if err != nil {
		return fmt.Errorf("insert access token: %w", explain(err))
	}
	return nil
}

// DeleteAccessToken deletes an access token. If it doesn't exist, the error is NotFound.
func (tx *Tx) DeleteAccessToken(ctx context.Context, id keyporter.ID) error {
	return tx.execOrNotFound(ctx, `DELETE FROM access_tokens WHERE id = $1`, id)
}

// lockGrant makes other transactions that would revoke the grant wait. If it is already revoked,
// the error is NotFound.
func (tx *Tx) lockGrant(ctx context.Context, grant keyporter.ID) error {
	return tx.execOrNotFound(ctx, `UPDATE grants SET revoked_at = 0 WHERE id = $1 AND revoked_at = 0`, grant)
}

// AccessTokenByHash returns an access token, even one that has expired.
func (q queries) AccessTokenByHash(ctx context.Context, hash keyporter.SecretHash) (keyporter.AccessToken, error) {
	scan := func(row scanner) (t keyporter.AccessToken, err error) {
		var scopes, resources string
		var created, expires int64
		err = row.Scan(&t.ID, &t.GrantID, &scopes, &resources, &t.KeyHash, &created, &expires)
		t.Scopes, t.Resources = strings.Fields(scopes), strings.Fields(resources)
		t.CreatedAt, t.ExpiresAt = fromMillis(created), fromMillis(expires)
		return t, err
	}
	return one(ctx, q.q, scan, `
		SELECT id, grant_id, scopes, resources, key_hash, created_at, expires_at FROM access_tokens WHERE hash = $1`, hash[:])
}
