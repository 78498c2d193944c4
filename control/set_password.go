package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// SetPassword gives another user a password and ends their sessions. It is for those who have
// just signed in.
func (c *Control) SetPassword(ctx context.Context, actor keyporter.Actor, id keyporter.ID, password string) error {
	return c.setPassword(ctx, actor, id, password, func() error {
		if actor.Is(id) {
			return keyporter.InvalidField("old", "Enter your current password, too.")
		}
		return nil
	})
}

// ChangePassword gives the actor another password and ends their sessions. It requires the
// old one, if they have one.
func (c *Control) ChangePassword(ctx context.Context, actor keyporter.Actor, old, password string) error {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return err
	}
	return c.setPassword(ctx, actor, user.ID, password, func() error { return c.checkOldPassword(ctx, actor, user, old) })
}

// setPassword sets a password if prove returns no error. Proving and hashing are expensive, so
// whether the actor may is asked before, and again once nobody can change the answer.
func (c *Control) setPassword(ctx context.Context, actor keyporter.Actor, id keyporter.ID, password string, prove func() error) error {
	if _, err := planFor(ctx, c.db, actor, id); err != nil {
		return err
	}
	if err := c.mustBeFresh(actor); err != nil {
		return err
	}
	if err := keyporter.JoinFields(prove(), checkPassword(password)); err != nil {
		return err
	}
	hash, err := c.hashPassword(ctx, waiter{actor: actor}, password)
	if err != nil {
		return err
	}
	return c.changeUser(ctx, actor, id, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		if err := tx.SetPassword(ctx, id, hash); err != nil {
			return keyporter.Event{}, err
		}
		if err := c.forgetGuesses(ctx, tx, actor, p.holders[0].User); err != nil {
			return keyporter.Event{}, err
		}
		return c.userEvent(keyporter.EventUserPassword, actor, p.holders[0].User), tx.DeleteSessionsOf(ctx, id)
	})
}

// checkOldPassword counts as a guess, apart from those at the sign-in page: strangers can't keep
// anyone from a new password.
func (c *Control) checkOldPassword(ctx context.Context, actor keyporter.Actor, user keyporter.User, old string) error {
	if err := c.countOldPassword(ctx, user.ID); err != nil {
		return err
	}
	hash, err := c.db.PasswordHash(ctx, user.ID)
	if err != nil || hash == "" {
		return err
	}
	match, err := c.passwordMatches(ctx, waiter{actor: actor}, old, hash)
	if err == nil && !match {
		err = keyporter.InvalidField("old", "This isn’t your current password.")
	}
	return err
}
