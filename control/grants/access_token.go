package grants

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AccessTokenLifetime is how long access tokens work.
func (g *Grants) AccessTokenLifetime() time.Duration { return g.lives.AccessToken }

// NewAccessToken is an access token that an app is about to get.
type NewAccessToken struct {
	ID        keyporter.ID // jti of a JWT
	Scopes    []string
	Resources []string
	Secret    string // or the whole JWT
	CreatedAt time.Time
	ExpiresAt time.Time
}

// issue writes an access token under a grant, bound to its key.
func (g *Grants) issue(ctx context.Context, tx *store.Tx, from Caller, under keyporter.Grant, t NewAccessToken) error {
	row := g.row(under, t)
	if err := tx.InsertAccessToken(ctx, row, keyporter.HashSecret(t.Secret)); err != nil {
		return missing(err, "grant")
	}
	return tx.InsertEvent(ctx, g.tokenEvent(from, under, row))
}

// row returns the access token as it is stored. No token outlives its grant.
func (g *Grants) row(under keyporter.Grant, t NewAccessToken) keyporter.AccessToken {
	row := keyporter.AccessToken{
		ID: t.ID, GrantID: under.ID, Scopes: t.Scopes, Resources: t.Resources, KeyHash: under.KeyHash, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
	if row.ExpiresAt.After(under.EndsAt) {
		row.ExpiresAt = under.EndsAt
	}
	return row
}

// IssueOwnToken writes an access token that an app gets for itself (RFC 6749 §4.4). Those
// with the same scopes, resources, and key share a grant, which is made when there is none. It
// always ends soon: an app may bind each token to another key, and never come back with it.
// If the app was deleted in the meantime, the error is NotFound.
func (g *Grants) IssueOwnToken(ctx context.Context, from Caller, own keyporter.Grant, t NewAccessToken) error {
	now, hash := g.now(), keyporter.HashSecret(t.Secret)
	own.ID, own.CreatedAt = keyporter.NewID(now), now
	own.EndsAt = now.Add(2 * g.lives.AccessToken) // so that not every token has to extend it
	own.Scopes, own.Resources = sorted(own.Scopes), sorted(own.Resources)
	own.Request = g.sealer.Seal(grantPurpose(own.ID), nil)
	row := g.row(own, t)
	return g.db.Do(ctx, func(tx *store.Tx) error {
		written, err := tx.InsertOwnAccessToken(ctx, own, row, hash)
		if err == nil && !written {
			if row.GrantID, err = tx.PutOwnGrant(ctx, own); err == nil {
				err = tx.InsertAccessToken(ctx, row, hash)
			}
		}
		if err != nil {
			return missing(err, "app")
		}
		return tx.InsertEvent(ctx, g.tokenEvent(from, own, row))
	})
}

// sorted returns the words once each, in an order that doesn't depend on the caller's.
func sorted(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

func (g *Grants) tokenEvent(from Caller, under keyporter.Grant, t keyporter.AccessToken) keyporter.Event {
	e := g.grantEvent(keyporter.EventAccessTokenCreate, from, under)
	e.TokenID, e.Detail = t.ID, map[string]string{"scopes": strings.Join(t.Scopes, " ")}
	return e
}

// AccessToken returns an access token that works, and its grant.
func (g *Grants) AccessToken(ctx context.Context, secret string) (t keyporter.AccessToken, under keyporter.Grant, err error) {
	if t, under, err = g.accessToken(ctx, secret); err != nil {
		return t, under, err
	}
	if !g.now().Before(t.ExpiresAt) {
		return t, under, notFound("access token")
	}
	t.Scopes = slices.DeleteFunc(t.Scopes, func(scope string) bool { return !slices.Contains(under.Scopes, scope) })
	return t, under, g.checkUsable(ctx, under)
}

// GrantOfAccessToken returns the grant of an access token that its app gives back, even if the
// token doesn't work now: it must not come back when whatever stops it has ended.
func (g *Grants) GrantOfAccessToken(ctx context.Context, secret string) (keyporter.Grant, error) {
	_, under, err := g.accessToken(ctx, secret)
	return under, err
}

func (g *Grants) accessToken(ctx context.Context, secret string) (t keyporter.AccessToken, under keyporter.Grant, err error) {
	if !keyporter.IsAccessToken(secret) {
		return t, under, notFound("access token")
	}
	if t, err = g.db.AccessTokenByHash(ctx, keyporter.HashSecret(secret)); err != nil {
		return t, under, err
	}
	under, err = g.GrantByID(ctx, t.GrantID)
	return t, under, err
}

// DeleteAccessToken ends an access token. If it has ended already, that is no error.
func (g *Grants) DeleteAccessToken(ctx context.Context, from Caller, under keyporter.Grant, secret string) error {
	hash := keyporter.HashSecret(secret)
	return g.db.Do(ctx, func(tx *store.Tx) error {
		t, err := tx.AccessTokenByHash(ctx, hash)
		if keyporter.KindOf(err) == keyporter.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tx.DeleteAccessToken(ctx, t.ID); err != nil {
			return err
		}
		e := g.grantEvent(keyporter.EventAccessTokenDelete, from, under)
		e.TokenID = t.ID
		return tx.InsertEvent(ctx, e)
	})
}
