package control

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// TokenWithUse is a token and how it was used.
type TokenWithUse struct {
	keyporter.Token
	Use keyporter.TokenUse
}

// Tokens returns the tokens of a kind that the actor added, latest first: a page of up to
// MaxPage, older than the token before (empty: from the latest).
func (c *Control) Tokens(ctx context.Context, actor keyporter.Actor, kind keyporter.TokenKind, before keyporter.ID) ([]TokenWithUse, error) {
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return nil, err
	}
	return c.tokensOf(ctx, actor.User.ID, kind, before)
}

// LastCalls returns when the credentials of the actor's organization were last used, of those whose last calls this node
// hasn't written yet. It says nothing else about them.
func (c *Control) LastCalls(ctx context.Context, actor keyporter.Actor) (map[keyporter.ID]time.Time, error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return nil, err
	}
	return c.usage.LastCalls(user.OrganizationID), nil
}

// TokensOf returns the tokens of a kind that another user added, paged as in Tokens, and
// that user. It requires tokens.manage, or organization_tokens.manage, in the user's
// organization.
func (c *Control) TokensOf(ctx context.Context, actor keyporter.Actor, owner keyporter.ID, kind keyporter.TokenKind, before keyporter.ID) (keyporter.User, []TokenWithUse, error) {
	u, err := c.db.UserByID(ctx, owner)
	if err == nil {
		_, err = may(ctx, c.db, actor, u.OrganizationID, manages(kind))
	}
	if err != nil {
		return keyporter.User{}, nil, missing(err, "user")
	}
	tokens, err := c.tokensOf(ctx, owner, kind, before)
	return u, tokens, err
}

func (c *Control) tokensOf(ctx context.Context, owner keyporter.ID, kind keyporter.TokenKind, before keyporter.ID) ([]TokenWithUse, error) {
	tokens, err := c.db.TokensOf(ctx, owner, kind, before, MaxPage)
	if err != nil {
		return nil, err
	}
	return c.withUse(ctx, tokens)
}

func (c *Control) withUse(ctx context.Context, tokens []keyporter.Token) ([]TokenWithUse, error) {
	uses, err := c.usage.OfAll(ctx, idsOf(tokens, func(t keyporter.Token) keyporter.ID { return t.ID }))
	all := make([]TokenWithUse, len(tokens))
	for i, t := range tokens {
		all[i] = TokenWithUse{Token: t, Use: uses[t.ID]}
	}
	return all, err
}

// idsOf returns an ID of each thing, each ID once and none that is empty.
func idsOf[T any](things []T, id func(T) keyporter.ID) []keyporter.ID {
	ids := make([]keyporter.ID, len(things))
	for i, t := range things {
		ids[i] = id(t)
	}
	return slices.DeleteFunc(distinct(ids), func(id keyporter.ID) bool { return id == "" })
}

// TokenWithUse returns one token that the actor may manage, and how it was used.
func (c *Control) TokenWithUse(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (t TokenWithUse, err error) {
	if t.Token, err = c.Token(ctx, actor, id); err != nil {
		return t, err
	}
	t.Use, err = c.usage.Of(ctx, id)
	return t, err
}
