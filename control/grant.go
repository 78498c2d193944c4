package control

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

const (
	// CodeLifetime is how long an authorization code works.
	CodeLifetime = time.Minute
	// refreshAgain is for how long a refresh token that was used up gets its successor again:
	// two processes of an app that refresh at once, or an answer that was lost on the way, are no theft.
	refreshAgain = 30 * time.Second
)

func grantPurpose(id keyporter.ID) string { return "grant " + string(id) }

// GrantCode is the code by which a grant is redeemed: an authorization code or a device
// code, or neither for one of the app's own, which lives as long as its access token.
type GrantCode struct{ Code, Device string }

// CreateGrant writes a grant that an app got. When there is one with the device code already it is a Conflict.
func (c *Control) CreateGrant(ctx context.Context, g keyporter.AppGrant, code GrantCode) (keyporter.AppGrant, error) {
	g.CreatedAt = c.now()
	g.EndsAt = g.CreatedAt.Add(c.lives.Grant)
	if g.ConnectionID == "" {
		g.EndsAt = g.CreatedAt.Add(c.lives.AccessToken)
	}
	if code.Code != "" {
		g.CodeEndsAt = g.CreatedAt.Add(CodeLifetime)
	}
	row := g
	row.Request = c.sealer.Seal(grantPurpose(g.ID), g.Request)
	err := c.db.Do(ctx, func(tx *store.Tx) error { return tx.InsertGrant(ctx, row, hashOf(code.Code), hashOf(code.Device)) })
	return g, err
}

func (c *Control) openGrant(g keyporter.AppGrant, err error) (keyporter.AppGrant, error) {
	if err == nil && !g.RevokedAt.IsZero() {
		err = notFound("grant")
	}
	if err == nil {
		g.Request, err = c.sealer.Open(grantPurpose(g.ID), g.Request)
	}
	return g, err
}

// GrantByID returns a grant. One that was revoked doesn't exist.
func (c *Control) GrantByID(ctx context.Context, id keyporter.ID) (keyporter.AppGrant, error) {
	return c.openGrant(c.db.GrantByID(ctx, id))
}

// GrantByCode returns the grant of a code that can be redeemed. A code that was redeemed
// already is refused like one that never was. Was it so when the request arrived, then
// somebody has a copy of it, and what the first one got ends (RFC 6749 §4.1.2); requests
// that had arrived before are a race of the app with itself, and end nothing.
func (c *Control) GrantByCode(ctx context.Context, actor keyporter.Actor, code string, arrived time.Time) (keyporter.AppGrant, error) {
	g, err := c.openGrant(c.db.GrantByCode(ctx, keyporter.HashSecret(code)))
	switch {
	case err != nil:
		return g, err
	case !g.CodeUsedAt.IsZero():
		if arrived.UnixMilli() > g.CodeUsedAt.UnixMilli() {
			err = c.RevokeGrant(ctx, actor, g, "its code was shown again")
		}
		if err == nil {
			err = notFound("code")
		}
	case !c.now().Before(g.CodeEndsAt):
		err = notFound("code")
	default:
		err = c.stands(ctx, g)
	}
	return g, err
}

// GrantByDeviceCode returns the grant of a device code, when the user has allowed it.
func (c *Control) GrantByDeviceCode(ctx context.Context, code string) (keyporter.AppGrant, error) {
	g, err := c.openGrant(c.db.GrantByDeviceCode(ctx, keyporter.HashSecret(code)))
	if err == nil && !c.now().Before(g.DeviceEndsAt) {
		err = notFound("code")
	}
	if err == nil {
		err = c.stands(ctx, g)
	}
	return g, err
}

// Redeem notes that the code of a grant, or its device code, is used now, and that the
// grant has this refresh token from now on. Who comes second is told NotFound.
func (c *Control) Redeem(ctx context.Context, g keyporter.AppGrant, refresh keyporter.Secret) error {
	now := c.now()
	return c.db.Do(ctx, func(tx *store.Tx) error {
		use := tx.UseCode
		if !g.DeviceEndsAt.IsZero() {
			use = tx.UseDeviceCode
		}
		if err := use(ctx, g.ID, g.KeyHash, now); err != nil {
			return missing(err, "code")
		}
		return c.insertRefreshToken(ctx, tx, g, refresh)
	})
}

func (c *Control) insertRefreshToken(ctx context.Context, tx *store.Tx, g keyporter.AppGrant, secret keyporter.Secret) error {
	now := c.now()
	expires := now.Add(c.lives.RefreshIdle)
	if expires.After(g.EndsAt) {
		expires = g.EndsAt
	}
	return tx.InsertRefreshToken(ctx, keyporter.RefreshToken{GrantID: g.ID, CreatedAt: now, ExpiresAt: expires}, secret.Hash())
}

// GrantByRefreshToken returns the grant of a refresh token that can be used, for the first
// time or again within half a minute. Shown again later, it has been stolen or is in the
// hands of somebody who stole its successor: all tokens of its connection end (RFC 9700 §4.14.2).
func (c *Control) GrantByRefreshToken(ctx context.Context, actor keyporter.Actor, secret string, arrived time.Time) (keyporter.AppGrant, error) {
	g, t, err := c.refreshToken(ctx, secret)
	if err != nil {
		return g, err
	}
	if tooLate(t, arrived) {
		if err := c.endReplayed(ctx, actor, g); err != nil {
			return g, err
		}
		return g, notFound("refresh token")
	}
	return g, nil
}

// GrantToRevoke returns the grant of a refresh token that its app gives back.
func (c *Control) GrantToRevoke(ctx context.Context, secret string) (keyporter.AppGrant, error) {
	g, _, err := c.refreshToken(ctx, secret)
	return g, err
}

// UnusedRefreshToken returns the grant of a refresh token that wasn't used yet.
func (c *Control) UnusedRefreshToken(ctx context.Context, secret string) (keyporter.AppGrant, error) {
	g, t, err := c.refreshToken(ctx, secret)
	if err == nil && !t.UsedAt.IsZero() {
		err = notFound("refresh token")
	}
	return g, err
}

func (c *Control) refreshToken(ctx context.Context, secret string) (g keyporter.AppGrant, t keyporter.RefreshToken, err error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretRefreshToken {
		return g, t, notFound("refresh token")
	}
	if t, err = c.db.RefreshTokenByHash(ctx, keyporter.HashSecret(secret)); err != nil {
		return g, t, err
	}
	if g, err = c.GrantByID(ctx, t.GrantID); err != nil {
		return g, t, err
	}
	if now := c.now(); !now.Before(t.ExpiresAt) || !now.Before(g.EndsAt) {
		return g, t, notFound("refresh token")
	}
	return g, t, c.stands(ctx, g)
}

// stands wants user, organization and app of a grant to be active, and the organization to allow the app.
func (c *Control) stands(ctx context.Context, g keyporter.AppGrant) error {
	if g.ConnectionID == "" {
		return nil
	}
	stands, err := c.db.ConnectionStands(ctx, g.ConnectionID)
	if err == nil && !stands {
		err = notFound("connection")
	}
	return err
}

func tooLate(t keyporter.RefreshToken, arrived time.Time) bool {
	return !t.UsedAt.IsZero() && arrived.Truncate(time.Millisecond).Sub(t.UsedAt) > refreshAgain // kept in milliseconds
}

// Successor is the refresh token that takes the place of the one presented. It is
// computed from that, so that who asks again gets the same without our keeping it in clear.
func (c *Control) Successor(presented string) keyporter.Secret {
	return keyporter.DeriveSecret(keyporter.SecretRefreshToken, c.sealer.Derive, presented)
}

// Refresh has the successor take the place of a refresh token. Of several who try at once
// one does it, and the others find it done. When the token was used by somebody else too
// long ago, or the grant ended meanwhile, it is NotFound.
func (c *Control) Refresh(ctx context.Context, g keyporter.AppGrant, presented string, arrived time.Time) error {
	hash, next := keyporter.HashSecret(presented), c.Successor(presented)
	return c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.KeepGrant(ctx, g.ID, g.KeyHash); err != nil {
			return missing(err, "grant")
		}
		first, err := tx.UseRefreshToken(ctx, hash, c.now())
		if err != nil {
			return err
		}
		if first {
			return c.insertRefreshToken(ctx, tx, g, next)
		}
		t, err := tx.RefreshTokenByHash(ctx, hash)
		if err == nil && tooLate(t, arrived) {
			err = notFound("refresh token")
		}
		if err == nil {
			// It isn't there when the key it is derived by has changed: there must not be a second chain.
			_, err = tx.RefreshTokenByHash(ctx, next.Hash())
		}
		return missing(err, "refresh token")
	})
}

// endReplayed ends all tokens of the connection of a grant, but not the connection: the
// app asks the user again, and he sees why.
func (c *Control) endReplayed(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant) error {
	now := c.now()
	return c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.RevokeGrantsOf(ctx, g.ConnectionID, now); err != nil {
			return err
		}
		if err := tx.SetConnectionReplayed(ctx, g.ConnectionID, now); err != nil {
			return missing(err, "connection")
		}
		return tx.InsertEvent(ctx, c.grantEvent(keyporter.EventConnectionReplay, actor, g))
	})
}

// RevokeGrant ends a grant with its tokens. One that has ended already is no error.
func (c *Control) RevokeGrant(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant, why string) error {
	return c.revokeGrant(ctx, actor, g, why, false)
}

// RevokeUnused ends a grant if its code wasn't redeemed: somebody tried to who isn't who it is for.
func (c *Control) RevokeUnused(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant, why string) error {
	return c.revokeGrant(ctx, actor, g, why, true)
}

func (c *Control) revokeGrant(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant, why string, unused bool) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		changed, err := tx.RevokeGrant(ctx, g.ID, unused, c.now())
		if err != nil || !changed {
			return err
		}
		e := c.grantEvent(keyporter.EventGrantRevoke, actor, g)
		e.Detail = map[string]string{"because": why}
		return tx.InsertEvent(ctx, e)
	})
}

func (c *Control) grantEvent(name keyporter.EventName, actor keyporter.Actor, g keyporter.AppGrant) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.UserID, e.AppID, e.ConnectionID = g.OrganizationID, g.UserID, g.AppID, g.ConnectionID
	return e
}
