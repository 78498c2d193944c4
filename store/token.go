package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// InsertToken writes a new token and the hash of its secret. If the owner already uses the name,
// the error is a Conflict.
func (tx *Tx) InsertToken(ctx context.Context, t keyporter.Token, hash keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `
		INSERT INTO tokens (id, organization_id, owner_id, kind, name, name_key, enabled, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.ID, t.OrganizationID, t.OwnerID, t.Kind, t.Name, names.Key(t.Name), t.Enabled, millis(t.ExpiresAt), millis(t.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert token: %w", explain(err))
	}
	return tx.insertSecret(ctx, t, hash, t.CreatedAt)
}

// ImportToken writes a token like InsertToken. If the owner already has a token with this name,
// or anyone has one with this secret, it writes nothing and returns false instead of an error,
// so that the transaction can continue.
func (tx *Tx) ImportToken(ctx context.Context, t keyporter.Token, hash keyporter.SecretHash) (done bool, err error) {
	n, err := tx.exec(ctx, `
		INSERT INTO tokens (id, organization_id, owner_id, kind, name, name_key, enabled, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`,
		t.ID, t.OrganizationID, t.OwnerID, t.Kind, t.Name, names.Key(t.Name), t.Enabled, millis(t.ExpiresAt), millis(t.CreatedAt))
	if err != nil || n == 0 {
		return false, explain(err)
	}
	n, err = tx.exec(ctx, `
		INSERT INTO token_secrets (hash, token_id, first, last, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, hash[:], t.ID, t.First, t.Last, millis(t.CreatedAt))
	if err == nil && n == 0 {
		err = tx.execOrNotFound(ctx, `DELETE FROM tokens WHERE id = $1`, t.ID)
	}
	return err == nil && n > 0, explain(err)
}

// DeletedSecrets returns those of the hashes that are of secrets of deleted tokens.
func (q queries) DeletedSecrets(ctx context.Context, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]bool, error) {
	deleted := map[keyporter.SecretHash]bool{}
	for some := range slices.Chunk(hashes, maxListed) {
		values := make([][]byte, len(some))
		for i := range some {
			values[i] = some[i][:]
		}
		marks, args := placeholders(values)
		found, err := list(ctx, q.q, scanHash, `SELECT hash FROM deleted_secrets WHERE hash IN `+marks+` ORDER BY hash`, args...)
		if err != nil {
			return nil, fmt.Errorf("find deleted secrets: %w", err)
		}
		for _, hash := range found {
			deleted[hash] = true
		}
	}
	return deleted, nil
}

// CountTokens returns how many tokens a user has, and makes other transactions that count them
// wait until this one ends.
func (tx *Tx) CountTokens(ctx context.Context, owner keyporter.ID) (int, error) {
	if err := tx.execOrNotFound(ctx, `UPDATE users SET active = active WHERE id = $1`, owner); err != nil {
		return 0, err
	}
	return one(ctx, tx.q, scanInt, `SELECT count(*) FROM tokens WHERE owner_id = $1`, owner)
}

// RenameToken renames a token. If the owner already uses the name, the error is a Conflict.
func (tx *Tx) RenameToken(ctx context.Context, id keyporter.ID, name string) error {
	return tx.execOrNotFound(ctx, `UPDATE tokens SET name = $2, name_key = $3 WHERE id = $1`, id, name, names.Key(name))
}

// SetTokenEnabled switches a token on or off and reports whether that changed it.
func (tx *Tx) SetTokenEnabled(ctx context.Context, id keyporter.ID, enabled bool, now time.Time) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE tokens SET enabled = $2, changed_at = $3 WHERE id = $1 AND enabled <> $2`, id, enabled, millis(now))
	return n > 0, explain(err)
}

// SetTokenExpiry sets when a token expires. Zero means never.
func (tx *Tx) SetTokenExpiry(ctx context.Context, id keyporter.ID, at, now time.Time) error {
	return tx.execOrNotFound(ctx, `UPDATE tokens SET expires_at = $2, changed_at = $3 WHERE id = $1`, id, millis(at), millis(now))
}

// SetTokenOwner gives a token a new owner. If they already have one with its name, the error is a
// Conflict.
func (tx *Tx) SetTokenOwner(ctx context.Context, id, owner keyporter.ID) error {
	return tx.execOrNotFound(ctx, `UPDATE tokens SET owner_id = $2 WHERE id = $1`, id, owner)
}

// ReplaceSecret gives a token a new secret, of which t has the characters, in place of those it has.
// Only a record remains that these were deleted.
func (tx *Tx) ReplaceSecret(ctx context.Context, t keyporter.Token, hash keyporter.SecretHash, now time.Time) error {
	if err := tx.recordDeletedSecrets(ctx, t.ID); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `DELETE FROM token_secrets WHERE token_id = $1`, t.ID); err != nil {
		return explain(err)
	}
	return tx.insertSecret(ctx, t, hash, now)
}

func (tx *Tx) recordDeletedSecrets(ctx context.Context, tokens ...keyporter.ID) error {
	marks, args := placeholders(tokens)
	_, err := tx.exec(ctx, `
		INSERT INTO deleted_secrets (hash)
		SELECT hash FROM token_secrets WHERE token_id IN `+marks+` ORDER BY hash
		ON CONFLICT DO NOTHING`, args...)
	return explain(err)
}

func (tx *Tx) insertSecret(ctx context.Context, t keyporter.Token, hash keyporter.SecretHash, now time.Time) error {
	_, err := tx.exec(ctx, `
		INSERT INTO token_secrets (hash, token_id, first, last, created_at)
		VALUES ($1, $2, $3, $4, $5)`, hash[:], t.ID, t.First, t.Last, millis(now))
	if err != nil {
		return fmt.Errorf("insert secret of token: %w", explain(err))
	}
	return nil
}

// selectToken selects tokens with the characters of their newest secret.
const selectToken = `
	SELECT t.id, t.organization_id, t.owner_id, t.kind, t.name, t.enabled, t.expires_at, t.created_at, t.changed_at, s.first, s.last
	FROM tokens t JOIN token_secrets s ON s.token_id = t.id
		AND s.created_at = (SELECT max(created_at) FROM token_secrets WHERE token_id = t.id)`

// TokenByID returns a token.
func (q queries) TokenByID(ctx context.Context, id keyporter.ID) (keyporter.Token, error) {
	t, err := one(ctx, q.q, scanToken, selectToken+` WHERE t.id = $1`, id)
	if err != nil {
		return t, fmt.Errorf("find token: %w", err)
	}
	return t, nil
}

// TokensByID returns tokens. IDs that no token has aren't in the map.
func (q queries) TokensByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]keyporter.Token, error) {
	tokens, err := listByID(ctx, q.q, scanToken, selectToken+` WHERE t.id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find tokens: %w", err)
	}
	return byID(tokens, func(t keyporter.Token) keyporter.ID { return t.ID }), nil
}

// TokenBySecret returns the token that has a secret with this hash.
func (q queries) TokenBySecret(ctx context.Context, hash keyporter.SecretHash) (keyporter.Token, error) {
	t, err := one(ctx, q.q, scanToken, selectToken+` WHERE t.id = (SELECT token_id FROM token_secrets WHERE hash = $1)`, hash[:])
	if err != nil {
		return t, fmt.Errorf("find token: %w", err)
	}
	return t, nil
}

// TokensOf returns the tokens of one kind that a user added, latest first: up to limit, older
// than the token before (empty: start with the latest).
func (q queries) TokensOf(ctx context.Context, owner keyporter.ID, kind keyporter.TokenKind, before keyporter.ID, limit int) ([]keyporter.Token, error) {
	return q.tokens(ctx, `t.owner_id = $1`, owner, kind, before, limit)
}

// TokensIn returns the tokens of one kind in an organization, paged like TokensOf.
func (q queries) TokensIn(ctx context.Context, organization keyporter.ID, kind keyporter.TokenKind, before keyporter.ID, limit int) ([]keyporter.Token, error) {
	return q.tokens(ctx, `t.organization_id = $1`, organization, kind, before, limit)
}

func (q queries) tokens(ctx context.Context, whose string, args ...any) ([]keyporter.Token, error) {
	tokens, err := list(ctx, q.q, scanToken, selectToken+`
		WHERE `+whose+` AND t.kind = $2 AND ($3 = '' OR t.id < $3)
		ORDER BY t.id DESC
		LIMIT $4`, args...)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

func scanToken(row scanner) (t keyporter.Token, err error) {
	var expires, created, changed int64
	err = row.Scan(&t.ID, &t.OrganizationID, &t.OwnerID, &t.Kind, &t.Name, &t.Enabled, &expires, &created, &changed, &t.First, &t.Last)
	t.ExpiresAt, t.CreatedAt, t.ChangedAt = fromMillis(expires), fromMillis(created), fromMillis(changed)
	return t, err
}
