package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// refreshAgain is how long a used refresh token gets the same successor again: two processes of
// an app that refresh at once, or an answer that was lost on the way, aren't theft.
const refreshAgain = 30 * time.Second

func (g *Grants) insertRefreshToken(ctx context.Context, tx *store.Tx, grant keyporter.Grant, secret keyporter.Secret) error {
	now := g.now()
	expires := now.Add(g.lives.RefreshIdle)
	if expires.After(grant.EndsAt) {
		expires = grant.EndsAt
	}
	return tx.InsertRefreshToken(ctx, keyporter.RefreshToken{GrantID: grant.ID, CreatedAt: now, ExpiresAt: expires}, secret.Hash())
}

// GrantByRefreshToken returns the grant of a refresh token that can be used, for the first
// time or again within half a minute. If it is presented again later, either it was stolen, or
// its successor was: all tokens of its connection end (RFC 9700 §4.14.2).
func (g *Grants) GrantByRefreshToken(ctx context.Context, from Caller, secret string) (keyporter.Grant, error) {
	grant, t, err := g.workingRefreshToken(ctx, secret)
	if err != nil {
		return grant, err
	}
	if usedTooLongAgo(t, from.ArrivedAt) {
		if err := g.endReplayed(ctx, from, grant); err != nil {
			return grant, err
		}
		return grant, notFound("refresh token")
	}
	return grant, nil
}

// GrantToRevoke returns the grant of a refresh token that its app gives back, even one that
// doesn't work now, as in GrantOfAccessToken.
func (g *Grants) GrantToRevoke(ctx context.Context, secret string) (keyporter.Grant, error) {
	grant, _, err := g.refreshToken(ctx, secret)
	return grant, err
}

// GrantByUnusedRefreshToken returns the grant of a refresh token that works and hasn't been
// used yet.
func (g *Grants) GrantByUnusedRefreshToken(ctx context.Context, secret string) (keyporter.Grant, error) {
	grant, t, err := g.workingRefreshToken(ctx, secret)
	if err == nil && !t.UsedAt.IsZero() {
		err = notFound("refresh token")
	}
	return grant, err
}

// workingRefreshToken returns a refresh token that hasn't expired, and its grant, which is usable.
func (g *Grants) workingRefreshToken(ctx context.Context, secret string) (keyporter.Grant, keyporter.RefreshToken, error) {
	grant, t, err := g.refreshToken(ctx, secret)
	if err != nil {
		return grant, t, err
	}
	if now := g.now(); !now.Before(t.ExpiresAt) || !now.Before(grant.EndsAt) {
		return grant, t, notFound("refresh token")
	}
	return grant, t, g.checkUsable(ctx, grant)
}

func (g *Grants) refreshToken(ctx context.Context, secret string) (grant keyporter.Grant, t keyporter.RefreshToken, err error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretRefreshToken {
		return grant, t, notFound("refresh token")
	}
	if t, err = g.db.RefreshTokenByHash(ctx, keyporter.HashSecret(secret)); err != nil {
		return grant, t, err
	}
	grant, err = g.GrantByID(ctx, t.GrantID)
	return grant, t, err
}

func usedTooLongAgo(t keyporter.RefreshToken, arrived time.Time) bool {
	return !t.UsedAt.IsZero() && arrived.Truncate(time.Millisecond).Sub(t.UsedAt) > refreshAgain // kept in milliseconds
}

// Successor returns the refresh token that replaces the one presented. It is derived from that
// one, so whoever asks again gets the same, although we don't store it.
func (g *Grants) Successor(presented string) keyporter.Secret {
	return keyporter.DeriveSecret(keyporter.SecretRefreshToken, g.sealer.Derive, presented)
}

// Refresh replaces a refresh token by its successor, and writes an access token. Of several
// simultaneous requests, one does it and the others find it done. If another one used the
// token too long ago, or the grant has ended in the meantime, the error is NotFound.
func (g *Grants) Refresh(ctx context.Context, from Caller, grant keyporter.Grant, presented string, t NewAccessToken) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.KeepGrant(ctx, grant.ID, grant.KeyHash); err != nil {
			return missing(err, "grant")
		}
		if err := g.writeSuccessor(ctx, tx, from, grant, presented); err != nil {
			return err
		}
		return g.issue(ctx, tx, from, grant, t)
	})
}

// writeSuccessor writes the successor of a refresh token, unless another request has just done so.
func (g *Grants) writeSuccessor(ctx context.Context, tx *store.Tx, from Caller, grant keyporter.Grant, presented string) error {
	hash, next := keyporter.HashSecret(presented), g.Successor(presented)
	first, err := tx.UseRefreshToken(ctx, hash, g.now())
	if err != nil {
		return err
	}
	if first {
		return g.insertRefreshToken(ctx, tx, grant, next)
	}
	t, err := tx.RefreshTokenByHash(ctx, hash)
	if err == nil && usedTooLongAgo(t, from.ArrivedAt) {
		err = notFound("refresh token")
	}
	if err == nil {
		// It is missing if the key that it is derived with has changed: there must not be a second chain.
		_, err = tx.RefreshTokenByHash(ctx, next.Hash())
	}
	return missing(err, "refresh token")
}

// endReplayed ends all tokens of a grant's connection, but not the connection: the app asks the
// user again, and they see why.
func (g *Grants) endReplayed(ctx context.Context, from Caller, grant keyporter.Grant) error {
	now := g.now()
	return g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.RevokeGrantsOf(ctx, grant.ConnectionID, now); err != nil {
			return err
		}
		if err := tx.SetConnectionReplayed(ctx, grant.ConnectionID, now); err != nil {
			return missing(err, "connection")
		}
		return tx.InsertEvent(ctx, g.grantEvent(keyporter.EventConnectionReplay, from, grant))
	})
}
