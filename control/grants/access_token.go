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

// IssueAccessToken writes an access token that an app gets under a grant. A grant that
// has ended in the meantime is NotFound.
func (g *Grants) IssueAccessToken(ctx context.Context, from Caller, under keyporter.Grant, t keyporter.AccessToken, secret string) error {
	t = g.dated(t)
	if t.GrantID = under.ID; t.ExpiresAt.After(under.EndsAt) {
		t.ExpiresAt = under.EndsAt
	}
	return g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.InsertAccessToken(ctx, t, keyporter.HashSecret(secret)); err != nil {
			return missing(err, "grant")
		}
		return tx.InsertEvent(ctx, g.tokenEvent(from, under, t))
	})
}

// IssueOwnToken writes an access token that an app gets for itself (RFC 6749 §4.4). Those
// that give the same share a grant, which is made when there is none.
func (g *Grants) IssueOwnToken(ctx context.Context, from Caller, app keyporter.ID, t keyporter.AccessToken, secret string) error {
	t = g.dated(t)
	own := keyporter.Grant{
		ID: keyporter.NewID(t.CreatedAt), AppID: app, Scopes: t.Scopes, Resources: t.Resources, KeyHash: t.KeyHash,
		CreatedAt: t.CreatedAt, EndsAt: t.CreatedAt.Add(max(g.lives.Grant, g.lives.AccessToken)),
	}
	own.Request = g.sealer.Seal(grantPurpose(own.ID), nil)
	return g.db.Do(ctx, func(tx *store.Tx) error {
		err := tx.InsertOwnAccessToken(ctx, app, t, keyporter.HashSecret(secret))
		if keyporter.KindOf(err) == keyporter.NotFound {
			if err = tx.InsertGrant(ctx, own, nil, nil); err == nil {
				t.GrantID = own.ID
				err = tx.InsertAccessToken(ctx, t, keyporter.HashSecret(secret))
			}
		}
		if err != nil {
			return err
		}
		return tx.InsertEvent(ctx, g.tokenEvent(from, own, t))
	})
}

// dated fills in the ID of a new access token, and how long it works.
func (g *Grants) dated(t keyporter.AccessToken) keyporter.AccessToken {
	t.CreatedAt = g.now()
	t.ID, t.ExpiresAt = keyporter.NewID(t.CreatedAt), t.CreatedAt.Add(g.lives.AccessToken)
	return t
}

func (g *Grants) tokenEvent(from Caller, under keyporter.Grant, t keyporter.AccessToken) keyporter.Event {
	e := g.grantEvent(keyporter.EventAccessTokenCreate, from, under)
	e.TokenID, e.Detail = t.ID, map[string]string{"scopes": strings.Join(t.Scopes, " ")}
	return e
}

// AccessToken returns an access token that works, and its grant.
func (g *Grants) AccessToken(ctx context.Context, secret string) (t keyporter.AccessToken, under keyporter.Grant, err error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretAccessToken {
		return t, under, notFound("access token")
	}
	if t, err = g.db.AccessTokenByHash(ctx, keyporter.HashSecret(secret)); err != nil {
		return t, under, err
	}
	if !g.now().Before(t.ExpiresAt) {
		return t, under, notFound("access token")
	}
	if under, err = g.GrantByID(ctx, t.GrantID); err != nil {
		return t, under, err
	}
	t.Scopes = slices.DeleteFunc(t.Scopes, func(scope string) bool { return !slices.Contains(under.Scopes, scope) })
	return t, under, g.stands(ctx, under)
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
