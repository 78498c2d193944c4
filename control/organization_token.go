package control

import (
	"context"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

// OrganizationTokens returns an organization and its organization tokens, with their owners
// and what depends on them, latest first: a page of up to MaxPage, older than the token
// before (empty: from the latest). It requires organization_tokens.manage; operators may
// look at any organization.
func (c *Control) OrganizationTokens(ctx context.Context, actor keyporter.Actor, organization, before keyporter.ID) (o keyporter.Organization, all []ListedToken, err error) {
	if err := mayManageAll(ctx, c.db, actor, organization); err != nil && mayOperate(ctx, c.db, actor) != nil {
		return o, nil, err
	}
	if o, err = c.db.OrganizationByID(ctx, organization); err != nil {
		return o, nil, missing(err, "organization")
	}
	tokens, err := c.db.TokensIn(ctx, organization, keyporter.OrganizationToken, before, MaxPage)
	if err != nil {
		return o, nil, err
	}
	all, err = c.listedIn(ctx, o, tokens)
	return o, all, err
}

// Dependent is an organization that has organization tokens.
type Dependent = usage.Dependent

// Dependents returns, to operators, the organizations that have organization tokens, most
// recently used first.
func (c *Control) Dependents(ctx context.Context, actor keyporter.Actor) ([]Dependent, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return nil, err
	}
	return c.usage.Dependents(ctx, c.now().AddDate(0, 0, -30))
}

// OrganizationToken returns one organization token, to the same people.
func (c *Control) OrganizationToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (ListedToken, error) {
	t, err := c.Token(ctx, actor, id)
	if err == nil && t.Kind != keyporter.OrganizationToken {
		err = notFound("organization token")
	}
	if err == nil {
		err = mayManageAll(ctx, c.db, actor, t.OrganizationID)
	}
	if err != nil {
		return ListedToken{}, err
	}
	o, err := c.db.OrganizationByID(ctx, t.OrganizationID)
	if err != nil {
		return ListedToken{}, err
	}
	all, err := c.listedIn(ctx, o, []keyporter.Token{t})
	if err != nil {
		return ListedToken{}, err
	}
	return all[0], nil
}

// HandOver is the input of Control.HandOver.
type HandOver struct {
	TokenID   keyporter.ID
	Login     string // of the new owner
	NewSecret bool   // in place of the one that the old owner may know
}

// HandOver gives an organization token a new owner, for example when the current one is
// leaving: a user of the same organization who is active and holds api.use. Switch and expiry
// stay as they are, and the secret, too, so that programs keep working; calls with it are in
// the new owner's name, whoever makes them. With a new secret, which is returned, those who know the old
// one can't; its owner can stay the same then. The previous owner can no longer manage the token. It takes a
// fresh sign-in.
func (c *Control) HandOver(ctx context.Context, actor keyporter.Actor, in HandOver) (t ListedToken, secret keyporter.Secret, err error) {
	if t, err = c.OrganizationToken(ctx, actor, in.TokenID); err != nil {
		return t, secret, err
	}
	if err := c.mustBeFresh(actor); err != nil {
		return t, secret, err
	}
	if in.NewSecret {
		secret = keyporter.NewSecret(keyporter.SecretOrganizationToken)
	}
	err = c.db.Do(ctx, func(tx *store.Tx) (err error) {
		if t.Token, err = manageable(ctx, tx, actor, in.TokenID); err != nil {
			return err
		}
		if err := mayManageAll(ctx, tx, actor, t.OrganizationID); err != nil {
			return err
		}
		e := c.tokenEvent(keyporter.EventTokenHandOver, actor, t.Token, "name", t.Name)
		e.Detail["from"], e.Detail["secret"] = string(t.OwnerID), "kept"
		if t.Owner, err = newOwner(ctx, tx, t.OrganizationID, in.Login); err != nil {
			return err
		}
		if t.Owner.ID == t.OwnerID && !in.NewSecret {
			return keyporter.InvalidField("login", "The token already belongs to this user. Enter somebody else’s login name, or give it a new secret.")
		}
		if t.Obstacle != "" && t.State == keyporter.TokenBlocked {
			t.State = keyporter.TokenActive
		}
		t.OwnerID, t.Obstacle, e.Detail["to"] = t.Owner.ID, "", t.Owner.Login
		if err := tx.SetTokenOwner(ctx, t.ID, t.OwnerID); err != nil {
			return newOwnerHasName(err)
		}
		if in.NewSecret {
			t.First, t.Last, e.Detail["secret"] = secret.First(), secret.Last(), "new"
			if err := tx.ReplaceSecret(ctx, t.Token, secret.Hash(), c.now()); err != nil {
				return err
			}
		}
		return tx.InsertEvent(ctx, e)
	})
	return t, secret, err
}

// newOwner returns the user to whom a token can be handed over.
func newOwner(ctx context.Context, tx *store.Tx, organization keyporter.ID, login string) (u keyporter.User, err error) {
	if strings.TrimSpace(login) == "" {
		return u, keyporter.InvalidField("login", "Enter a login name.")
	}
	s, err := tx.StandingByLogin(ctx, organization, text(login, keyporter.MaxLoginLen))
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return u, keyporter.InvalidField("login", "Nobody in your organization has this login name.")
	case err != nil:
		return u, err
	case !s.UserActive:
		return u, keyporter.InvalidField("login", "This user is switched off. The token wouldn’t work with them as its owner.")
	case s.Blocked || !s.Granted:
		return u, keyporter.InvalidField("login", "This user can’t use the API. The token wouldn’t work with them as its owner.")
	}
	return tx.UserByID(ctx, s.UserID)
}

func newOwnerHasName(err error) error {
	if keyporter.KindOf(err) != keyporter.Conflict {
		return err
	}
	return keyporter.ConflictField("login", "This user already has an organization token with this name. Rename one of them first.")
}

// mayManageAll requires that the actor may manage other users' organization tokens.
func mayManageAll(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID) error {
	_, err := may(ctx, q, actor, organization, keyporter.PermissionManageOrganizationTokens)
	return err
}
