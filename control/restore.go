package control

import (
	"cmp"
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// DeletedToken is a token that was deleted, and that can be restored.
type DeletedToken struct {
	keyporter.Token

	DeletedAt time.Time
	Until     time.Time // it can't be restored at this time or later
}

// maxDeleted is how many deleted tokens of one owner a list has: too many to hide one behind others.
const maxDeleted = 1000

// RestorableTokens returns the tokens of a kind that the actor had and can restore, the last one first.
func (c *Control) RestorableTokens(ctx context.Context, actor keyporter.Actor, kind keyporter.TokenKind) ([]DeletedToken, error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return nil, err
	}
	found, err := c.db.DeletedTokensOf(ctx, user.ID, kind, c.restorableSince(), maxDeleted)
	return restorable(found), err
}

// DeletedTokenList selects deleted tokens of all users of an organization.
type DeletedTokenList struct {
	Kind           keyporter.TokenKind // empty: user tokens
	OrganizationID keyporter.ID        // empty: the actor's
	Paging
}

// DeletedTokenPage is a page of a list of deleted tokens.
type DeletedTokenPage struct {
	Tokens       []DeletedToken
	Owners       map[keyporter.ID]keyporter.User
	Organization keyporter.Organization
	Cursors
}

// ListDeletedTokens returns a page of up to MaxPage tokens that can be restored, the last one first, to those who may
// list the organization's tokens with ListTokens.
func (c *Control) ListDeletedTokens(ctx context.Context, actor keyporter.Actor, l DeletedTokenList) (p DeletedTokenPage, err error) {
	l.Kind = cmp.Or(l.Kind, keyporter.UserToken)
	if _, l.OrganizationID, err = c.mayList(ctx, actor, TokenList{Kind: l.Kind, OrganizationID: l.OrganizationID}); err != nil {
		return p, err
	}
	if p.Organization, err = c.db.OrganizationByID(ctx, l.OrganizationID); err != nil {
		return p, missing(err, "organization")
	}
	found, cursors, err := paged("deleted tokens", l.Paging, store.DeletedToken.Place, func(page store.Page) ([]store.DeletedToken, error) {
		return c.db.DeletedTokensIn(ctx, l.OrganizationID, l.Kind, c.restorableSince(), page)
	})
	if err != nil {
		return p, err
	}
	p.Tokens, p.Cursors = restorable(found), cursors
	p.Owners, err = c.db.UsersByID(ctx, idsOf(found, func(t store.DeletedToken) keyporter.ID { return t.OwnerID }))
	return p, err
}

func restorable(found []store.DeletedToken) []DeletedToken {
	all := make([]DeletedToken, len(found))
	for i, t := range found {
		all[i] = DeletedToken{t.Token, t.DeletedAt, t.DeletedAt.Add(keyporter.RestoreWithin)}
	}
	return all
}

// RestorableToken returns a deleted token that the actor may restore.
func (c *Control) RestorableToken(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (DeletedToken, error) {
	t, err := c.deletedToken(ctx, c.db, actor, id)
	return DeletedToken{t.Token, t.DeletedAt, t.DeletedAt.Add(keyporter.RestoreWithin)}, err
}

func (c *Control) restorableSince() time.Time { return c.now().Add(-keyporter.RestoreWithin) }

// Restore is the input of RestoreToken.
type Restore struct {
	TokenID keyporter.ID
	Name    string // a new one; empty: as before
}

// RestoreToken makes a deleted token a token again, with the same secret, switched off. It takes a fresh sign-in, because
// it makes a secret useful again. The owner needs what adding such a token takes, and if they have another token
// with the name by now, it takes a new name.
func (c *Control) RestoreToken(ctx context.Context, actor keyporter.Actor, in Restore) (keyporter.Token, error) {
	if err := c.mustBeFresh(actor); err != nil {
		return keyporter.Token{}, err
	}
	if err := c.mayRestore(ctx, actor, in.TokenID); err != nil {
		return keyporter.Token{}, err
	}
	var t keyporter.Token
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		deleted, err := c.deletedToken(ctx, tx, actor, in.TokenID)
		if err != nil {
			return err
		}
		t = deleted.Token
		t.ChangedAt = c.now()
		if in.Name != "" {
			if t.Name, err = names.Parse("name", in.Name); err != nil {
				return err
			}
		}
		if err := checkTokenLimit(ctx, tx, actor, t.OwnerID); err != nil {
			return err
		}
		if err := tx.RestoreToken(ctx, t); err != nil {
			return nameTaken(missing(err, "token"), actor, t)
		}
		return tx.InsertEvent(ctx, c.tokenEvent(keyporter.EventTokenRestore, actor, t, "name", t.Name))
	})
	return t, err
}

// mayRestore requires of the owner what adding the token would take, whoever restores it.
func (c *Control) mayRestore(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	t, err := c.deletedToken(ctx, c.db, actor, id)
	if err != nil || actor.Trusted() {
		return err
	}
	var why string
	if actor.Is(t.OwnerID) {
		var access Access
		access, err = c.TokenAccess(ctx, actor, t.Kind)
		why = access.Why
	} else if why, err = c.obstacle(ctx, t.Token); why != "" {
		why += " The token can be restored once that changes."
	}
	if err == nil && why != "" {
		err = keyporter.Refuse(keyporter.Forbidden, why)
	}
	return err
}

// obstacle says in a sentence what about its organization or its owner keeps a token from working. Empty: nothing.
func (c *Control) obstacle(ctx context.Context, t keyporter.Token) (string, error) {
	o, err := c.db.OrganizationByID(ctx, t.OrganizationID)
	if err != nil {
		return "", err
	}
	owner, err := c.db.UserByID(ctx, t.OwnerID)
	if err != nil {
		return "", err
	}
	all, err := rolesIn(ctx, c.db, t.OrganizationID)
	return cmp.Or(OrganizationObstacle(o, t.Kind), ownerObstacle(owner, all)), err
}

// DeleteTokenForGood deletes a token, or one that was deleted already, so that nothing restores it. It takes a fresh
// sign-in, because nobody can undo it.
func (c *Control) DeleteTokenForGood(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	if err := c.mustBeFresh(actor); err != nil {
		return err
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		t, err := manageable(ctx, tx, actor, id)
		switch {
		case err == nil:
			err = tx.DeleteToken(ctx, id, c.now())
		case keyporter.KindOf(err) == keyporter.NotFound:
			var deleted store.DeletedToken
			deleted, err = c.deletedToken(ctx, tx, actor, id)
			t = deleted.Token
		}
		if err != nil {
			return err
		}
		if err := tx.ForgetDeletedToken(ctx, id); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, c.tokenEvent(keyporter.EventTokenDeleteForGood, actor, t, "name", t.Name))
	})
}

// deletedToken returns a deleted token if the actor could manage it before.
func (c *Control) deletedToken(ctx context.Context, q deletedReader, actor keyporter.Actor, id keyporter.ID) (store.DeletedToken, error) {
	t, err := q.DeletedTokenByID(ctx, id, c.restorableSince())
	if err != nil {
		return store.DeletedToken{}, missing(err, "token")
	}
	if err := mayManage(ctx, q, actor, owned{"token", t.OwnerID, t.OrganizationID}, manages(t.Kind)); err != nil {
		return store.DeletedToken{}, err
	}
	return t, nil
}

type deletedReader interface {
	reader
	DeletedTokenByID(ctx context.Context, id keyporter.ID, since time.Time) (store.DeletedToken, error)
}
