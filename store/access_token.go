package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

const insertAccessToken = `
	INSERT INTO access_tokens (hash, id, grant_id, scopes, resources, key_hash, created_at, expires_at)
	SELECT $1, $2, g.id, $3, $4, $5, $6, $7 FROM grants g WHERE g.revoked_at = 0`

// InsertAccessToken writes a new access token under its grant. If the grant was revoked or deleted,
// the error is NotFound. It doesn't lock the grant: a token that is written while its grant is
// being revoked doesn't work either, because every check asks for both.
func (tx *Tx) InsertAccessToken(ctx context.Context, t keyporter.AccessToken, hash keyporter.SecretHash) error {
	written, err := tx.insertAccessToken(ctx, insertAccessToken+` AND g.id = $8`, t, hash, t.GrantID)
	if err == nil && !written {
		err = explain(sql.ErrNoRows)
	}
	return err
}

// InsertOwnAccessToken writes a new access token under the grant that PutOwnGrant has made for
// own, if that ends no earlier, and reports whether it does.
func (tx *Tx) InsertOwnAccessToken(ctx context.Context, own keyporter.Grant, t keyporter.AccessToken, hash keyporter.SecretHash) (written bool, err error) {
	return tx.insertAccessToken(ctx, insertAccessToken+` AND g.own_key = $8 AND g.ends_at >= $7`, t, hash, ownKey(own))
}

func (tx *Tx) insertAccessToken(ctx context.Context, query string, t keyporter.AccessToken, hash keyporter.SecretHash, under any) (written bool, err error) {
	n, err := tx.exec(ctx, query,
		hash[:], t.ID, strings.Join(t.Scopes, " "), strings.Join(t.Resources, " "), t.KeyHash, millis(t.CreatedAt), millis(t.ExpiresAt), under)
	if err != nil {
		return false, fmt.Errorf("insert access token: %w", explainChild(err))
	}
	if n > 0 {
		tx.issue(t.ID, hash)
	}
	return n > 0, nil
}

// DeleteAccessToken deletes an access token. If it doesn't exist, the error is NotFound.
func (tx *Tx) DeleteAccessToken(ctx context.Context, id keyporter.ID) error {
	return tx.execOrNotFound(ctx, `DELETE FROM access_tokens WHERE id = $1`, id)
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
