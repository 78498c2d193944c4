package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// refreshAgain is how long a used refresh token gets its unused successor again if whoever presents
// it proves nothing: a bearer token of an app without a secret. A thief who always comes second
// could otherwise stay forever.
const refreshAgain = 60 * time.Second

func (g *Grants) insertRefreshToken(ctx context.Context, tx *store.Tx, grant keyporter.Grant, secret keyporter.Secret) error {
	now := g.now()
	expires := now.Add(g.lives.RefreshIdle)
	if expires.After(grant.EndsAt) {
		expires = grant.EndsAt
	}
	return tx.InsertRefreshToken(ctx, keyporter.RefreshToken{GrantID: grant.ID, CreatedAt: now, ExpiresAt: expires}, secret.Hash())
}

// GrantByRefreshToken returns the grant of a refresh token that the app can use, for the first time
// or again. It may be used again while its successor is unused, because an answer can get lost on
// the way: at any time by an app that proves who it is, or that it has the grant's key, and otherwise
// soon. Anything else means that two have the token, so the grant ends with its tokens (RFC 9700
// §4.14.2): that one sign-in, not others of the same app and user. An app that presents another
// app's token ends nothing, and has to be refused by the caller.
func (g *Grants) GrantByRefreshToken(ctx context.Context, from Caller, app keyporter.App, secret string) (keyporter.Grant, error) {
	grant, t, err := g.workingRefreshToken(ctx, secret)
	if err != nil || t.UsedAt.IsZero() || grant.AppID != app.ID {
		return grant, err
	}
	next, err := g.db.RefreshTokenByHash(ctx, g.Successor(secret).Hash())
	if err != nil && keyporter.KindOf(err) != keyporter.NotFound {
		return grant, err
	}
	arrived := from.ArrivedAt.Truncate(time.Millisecond) // as UsedAt is kept
	proven := app.Confidential() || grant.KeyHash != ""  // the caller checks the proof of its key
	soon := arrived.Sub(t.UsedAt) <= refreshAgain
	switch {
	case err == nil && next.UsedAt.IsZero() && (proven || soon):
		return grant, nil
	case err != nil && soon: // the key that it is derived with has changed: there must not be a second chain
	case err == nil && !next.UsedAt.IsZero() && !arrived.After(next.UsedAt): // the app is racing with itself
	default:
		if err := g.endReplayed(ctx, from, grant); err != nil {
			return grant, err
		}
	}
	return grant, notFound("refresh token")
}

// GrantToRevoke returns the grant of a refresh token that its app gives back, even one that
// doesn't work now, as in GrantOfAccessToken.
func (g *Grants) GrantToRevoke(ctx context.Context, secret string) (keyporter.Grant, error) {
	grant, _, err := g.refreshToken(ctx, secret)
	return grant, err
}

// GrantByUnusedRefreshToken returns a refresh token that works and hasn't been used yet, and its grant.
func (g *Grants) GrantByUnusedRefreshToken(ctx context.Context, secret string) (keyporter.Grant, keyporter.RefreshToken, error) {
	grant, t, err := g.workingRefreshToken(ctx, secret)
	if err == nil && !t.UsedAt.IsZero() {
		err = notFound("refresh token")
	}
	return grant, t, err
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

// Successor returns the refresh token that replaces the one presented. It is derived from that
// one, so whoever asks again gets the same, although we don't store it.
func (g *Grants) Successor(presented string) keyporter.Secret {
	return keyporter.DeriveSecret(keyporter.SecretRefreshToken, g.sealer.Derive, presented)
}

// Refresh replaces a refresh token by its successor, and writes an access token. Of several
// simultaneous requests, one does it and the others find it done. If the successor was used, or
// the grant has ended in the meantime, the error is NotFound.
func (g *Grants) Refresh(ctx context.Context, from Caller, grant keyporter.Grant, presented string, t NewAccessToken) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.KeepGrant(ctx, grant.ID, grant.KeyHash); err != nil {
			return missing(err, "grant")
		}
		if err := g.writeSuccessor(ctx, tx, grant, presented); err != nil {
			return err
		}
		return g.issue(ctx, tx, from, grant, t)
	})
}

// writeSuccessor writes the successor of a refresh token, unless it is there and still unused.
func (g *Grants) writeSuccessor(ctx context.Context, tx *store.Tx, grant keyporter.Grant, presented string) error {
	next := g.Successor(presented)
	first, err := tx.UseRefreshToken(ctx, keyporter.HashSecret(presented), g.now())
	if err != nil {
		return err
	}
	if first {
		return g.insertRefreshToken(ctx, tx, grant, next)
	}
	t, err := tx.RefreshTokenByHash(ctx, next.Hash())
	if err == nil && !t.UsedAt.IsZero() {
		err = notFound("refresh token")
	}
	return missing(err, "refresh token")
}

// endReplayed ends a grant of which two have a refresh token, but not its connection: the app asks
// the user again, and they see why.
func (g *Grants) endReplayed(ctx context.Context, from Caller, grant keyporter.Grant) error {
	now := g.now()
	return g.db.Do(ctx, func(tx *store.Tx) error {
		changed, err := tx.RevokeGrant(ctx, grant.ID, false, now)
		if err != nil || !changed {
			return err
		}
		if err := tx.SetConnectionReplayed(ctx, grant.ConnectionID, now); err != nil {
			return missing(err, "connection")
		}
		return tx.InsertEvent(ctx, g.grantEvent(keyporter.EventConnectionReplay, from, grant))
	})
}
