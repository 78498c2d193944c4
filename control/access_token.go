package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AccessTokenLifetime is how long access tokens work.
func (c *Control) AccessTokenLifetime() time.Duration { return c.lives.AccessToken }

// IssueAccessToken writes an access token that the app gets under a grant. A grant that
// ended meanwhile is NotFound.
func (c *Control) IssueAccessToken(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant, t keyporter.AccessToken, secret string) error {
	t.CreatedAt = c.now()
	t.ID, t.GrantID = keyporter.NewID(t.CreatedAt), g.ID
	if t.ExpiresAt = t.CreatedAt.Add(c.lives.AccessToken); t.ExpiresAt.After(g.EndsAt) {
		t.ExpiresAt = g.EndsAt
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.InsertAccessToken(ctx, t, keyporter.HashSecret(secret)); err != nil {
			return missing(err, "grant")
		}
		e := c.grantEvent(keyporter.EventAccessTokenCreate, actor, g)
		e.TokenID, e.Detail = t.ID, map[string]string{"scopes": strings.Join(t.Scopes, " ")}
		return tx.InsertEvent(ctx, e)
	})
}

// AccessToken returns an access token that works, and its grant.
func (c *Control) AccessToken(ctx context.Context, secret string) (t keyporter.AccessToken, g keyporter.AppGrant, err error) {
	if kind, ok := keyporter.ParseSecret(secret); !ok || kind != keyporter.SecretAccessToken {
		return t, g, notFound("access token")
	}
	if t, err = c.db.AccessTokenByHash(ctx, keyporter.HashSecret(secret)); err != nil {
		return t, g, err
	}
	if !c.now().Before(t.ExpiresAt) {
		return t, g, notFound("access token")
	}
	if g, err = c.GrantByID(ctx, t.GrantID); err != nil {
		return t, g, err
	}
	t.Scopes = intersect(t.Scopes, g.Scopes)
	return t, g, c.stands(ctx, g)
}

// DeleteAccessToken ends an access token. One that has ended already is no error.
func (c *Control) DeleteAccessToken(ctx context.Context, actor keyporter.Actor, g keyporter.AppGrant, secret string) error {
	hash := keyporter.HashSecret(secret)
	return c.db.Do(ctx, func(tx *store.Tx) error {
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
		e := c.grantEvent(keyporter.EventAccessTokenDelete, actor, g)
		e.TokenID = t.ID
		return tx.InsertEvent(ctx, e)
	})
}

func intersect(a, b []string) (out []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
