package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// DeletedToken is a token that was deleted, and can still be restored.
type DeletedToken struct {
	keyporter.Token

	DeletedAt time.Time
}

// DeleteToken deletes a token. Its counts stay as long as it can be restored. A record that its secrets were deleted
// stays for good.
func (tx *Tx) DeleteToken(ctx context.Context, id keyporter.ID, now time.Time) error {
	// What is copied has to be what is deleted, not what it was before someone handed it over in the meantime.
	if err := tx.LockTokens(ctx, []keyporter.ID{id}); err != nil {
		return err
	}
	if err := tx.recordDeletedSecrets(ctx, id); err != nil {
		return err
	}
	err := tx.execOrNotFound(ctx, `
		INSERT INTO deleted_tokens (id, organization_id, owner_id, kind, name, expires_at, created_at, deleted_at)
		SELECT id, organization_id, owner_id, kind, name, expires_at, created_at, $2 FROM tokens WHERE id = $1`, id, millis(now))
	if err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `
		INSERT INTO deleted_token_secrets (hash, token_id, first, last, created_at)
		SELECT hash, token_id, first, last, created_at FROM token_secrets WHERE token_id = $1`, id); err != nil {
		return explain(err)
	}
	return tx.execOrNotFound(ctx, `DELETE FROM tokens WHERE id = $1`, id)
}

// RestoreToken makes a deleted token a token again, switched off, with t's name, and changed at t.ChangedAt. If its owner already uses the name, the
// error is a Conflict.
func (tx *Tx) RestoreToken(ctx context.Context, t keyporter.Token) error {
	// Of two who restore it, or one who deletes it for good, the second doesn't find it.
	if _, err := one(ctx, tx.q, scanString[keyporter.ID], `SELECT id FROM deleted_tokens WHERE id = $1`+tx.lock("UPDATE"), t.ID); err != nil {
		return fmt.Errorf("restore token: %w", err)
	}
	if err := tx.execOrNotFound(ctx, `
		INSERT INTO tokens (id, organization_id, owner_id, kind, name, name_key, enabled, expires_at, created_at, changed_at, last_used_at, last_refused_at)
		SELECT id, organization_id, owner_id, kind, $2, $3, $4, expires_at, created_at, $5,
			coalesce((SELECT max(c.last_at) FROM credential_clients c WHERE c.credential_id = d.id), 0),
			coalesce((SELECT max(h.hour) FROM credential_hours h WHERE h.credential_id = d.id AND h.refused > 0), 0)
		FROM deleted_tokens d WHERE id = $1`,
		t.ID, t.Name, names.Key(t.Name), false, millis(t.ChangedAt)); err != nil {
		return fmt.Errorf("restore token: %w", err)
	}
	for _, query := range []string{
		`INSERT INTO token_secrets (hash, token_id, first, last, created_at)
			SELECT hash, token_id, first, last, created_at FROM deleted_token_secrets WHERE token_id = $1`,
		`DELETE FROM deleted_secrets WHERE hash IN (SELECT hash FROM deleted_token_secrets WHERE token_id = $1)`,
		`DELETE FROM deleted_tokens WHERE id = $1`, // and its secrets there
	} {
		if _, err := tx.exec(ctx, query, t.ID); err != nil {
			return fmt.Errorf("restore token: %w", explain(err))
		}
	}
	return nil
}

// ForgetDeletedToken deletes a deleted token and its counts for good.
func (tx *Tx) ForgetDeletedToken(ctx context.Context, id keyporter.ID) error {
	if err := tx.execOrNotFound(ctx, `DELETE FROM deleted_tokens WHERE id = $1`, id); err != nil {
		return err
	}
	return tx.forgetUses(ctx, id)
}

const selectDeletedToken = `
	SELECT t.id, t.organization_id, t.owner_id, t.kind, t.name, t.expires_at, t.created_at, t.deleted_at, s.first, s.last
	FROM deleted_tokens t JOIN deleted_token_secrets s ON s.token_id = t.id
		AND s.created_at = (SELECT max(created_at) FROM deleted_token_secrets WHERE token_id = t.id)`

// DeletedTokenByID returns a token that was deleted after since.
func (q queries) DeletedTokenByID(ctx context.Context, id keyporter.ID, since time.Time) (DeletedToken, error) {
	t, err := one(ctx, q.q, scanDeletedToken, selectDeletedToken+` WHERE t.id = $1 AND t.deleted_at > $2`, id, millis(since))
	if err != nil {
		return t, fmt.Errorf("find deleted token: %w", err)
	}
	return t, nil
}

// DeletedTokensOf returns the tokens of a kind that a user had and that were deleted after since, latest first: up to
// limit.
func (q queries) DeletedTokensOf(ctx context.Context, owner keyporter.ID, kind keyporter.TokenKind, since time.Time, limit int) ([]DeletedToken, error) {
	tokens, err := list(ctx, q.q, scanDeletedToken, selectDeletedToken+`
		WHERE t.owner_id = $1 AND t.kind = $2 AND t.deleted_at > $3
		ORDER BY t.deleted_at DESC, t.id DESC
		LIMIT $4`, owner, kind, millis(since), limit)
	if err != nil {
		return nil, fmt.Errorf("list deleted tokens: %w", err)
	}
	return tokens, nil
}

// DeletedTokensIn returns a page of the tokens of a kind that users of an organization had and that were deleted after
// since, latest first.
func (q queries) DeletedTokensIn(ctx context.Context, organization keyporter.ID, kind keyporter.TokenKind, since time.Time, p Page) ([]DeletedToken, error) {
	var c condition
	c.text = ` WHERE t.organization_id = ` + c.arg(organization) + ` AND t.kind = ` + c.arg(kind) + ` AND t.deleted_at > ` + c.arg(millis(since))
	order, limit := sorting{by: "t.deleted_at", number: true, id: "t.id", descending: true}.next(&c, p)
	tokens, err := list(ctx, q.q, scanDeletedToken, selectDeletedToken+c.text+order+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list deleted tokens: %w", err)
	}
	return inOrder(tokens, p), nil
}

// Place returns where the token is in the list of DeletedTokensIn.
func (t DeletedToken) Place() Place { return Place{Number: millis(t.DeletedAt), ID: t.ID} }

func scanDeletedToken(row scanner) (t DeletedToken, err error) {
	var expires, created, deleted int64
	err = row.Scan(&t.ID, &t.OrganizationID, &t.OwnerID, &t.Kind, &t.Name, &expires, &created, &deleted, &t.First, &t.Last)
	t.ExpiresAt, t.CreatedAt, t.DeletedAt = fromMillis(expires), fromMillis(created), fromMillis(deleted)
	return t, err
}

// DeletedTokensByID returns deleted tokens. Other IDs aren't in the map.
func (q queries) DeletedTokensByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]DeletedToken, error) {
	tokens, err := listByID(ctx, q.q, scanDeletedToken, selectDeletedToken+` WHERE t.id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find deleted tokens: %w", err)
	}
	return byID(tokens, func(t DeletedToken) keyporter.ID { return t.ID }), nil
}

const selectLapsed = `SELECT id FROM deleted_tokens WHERE deleted_at <= $1 ORDER BY deleted_at, id LIMIT $2`

// pruneDeletedTokens deletes what can't be restored anymore, with its counts.
func (db *DB) pruneDeletedTokens(ctx context.Context, now time.Time) error {
	for n := pruneRows; n == pruneRows; {
		err := db.Do(ctx, func(tx *Tx) error {
			ids, err := list(ctx, tx.q, scanString[keyporter.ID], selectLapsed, millis(now.Add(-keyporter.RestoreWithin)), pruneRows)
			if err != nil {
				return err
			}
			n = len(ids)
			slices.Sort(ids) // as in AddRefusals: of two that hold the same ones, neither waits in a circle
			for _, id := range ids {
				if err := tx.ForgetDeletedToken(ctx, id); err != nil && keyporter.KindOf(err) != keyporter.NotFound {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("delete tokens that can't be restored anymore: %w", err)
		}
	}
	return nil
}
