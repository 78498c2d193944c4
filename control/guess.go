package control

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Limits on passwords that may be wrong: for one login from browsers that we don't know, for one
// browser that we know, and from one address whatever the login. A successful sign-in clears all
// but the last.
var (
	loginLimit   = store.Limit{Burst: 10, Every: 30 * time.Second}
	addressLimit = store.Limit{Burst: 50, Every: 5 * time.Second}
)

// maxGuesses is how many wrong passwords in a row there can be for one login, or from one browser that
// we know (NIST SP 800-63B-4 §3.2.2).
const maxGuesses = 100

func fromAddress(actor keyporter.Actor) store.Attempt {
	return store.Attempt{What: "address " + keyporter.Network(actor.Address), Limit: addressLimit}
}

func atLogin(login string) string { return "login " + loginKey(login) }

// countGuess counts a password before it is compared. browser is the ID of a browser that the user has
// signed in with before. Guesses from there count apart, so that strangers can't lock the user out.
// It says the same about logins that don't exist.
func (c *Control) countGuess(ctx context.Context, actor keyporter.Actor, login, browser string) error {
	if browser != "" {
		left, err := c.guess(ctx, "browser "+browser, nil)
		if left || err != nil {
			return err
		}
	}
	if err := c.db.Attempt(ctx, c.now(), fromAddress(actor)); err != nil {
		return err
	}
	left, err := c.guess(ctx, atLogin(login), func(tx *store.Tx) error { return c.recordLock(ctx, tx, actor, login) })
	if err == nil && !left {
		err = keyporter.Refuse(keyporter.Forbidden, "There were too many wrong passwords for this login name. Sign in with a browser that you have signed in with before or with your organization’s account, or ask an administrator to set a new password.")
	}
	return err
}

// countOldPassword is countGuess for people who are signed in.
func (c *Control) countOldPassword(ctx context.Context, user keyporter.ID) error {
	left, err := c.guess(ctx, "old password "+string(user), nil)
	if err == nil && !left {
		err = keyporter.Refuse(keyporter.Forbidden, "There were too many wrong passwords. Ask an administrator to set a new one.")
	}
	return err
}

// guess counts a guess and reports whether it may be made. The first that may not runs used up, if it
// isn't nil, in the same transaction.
func (c *Control) guess(ctx context.Context, what string, usedUp func(*store.Tx) error) (left bool, err error) {
	now := c.now()
	err = c.db.AttemptThen(ctx, now, func(tx *store.Tx) error {
		n, err := tx.Guess(ctx, what, now)
		left = n <= maxGuesses
		if err == nil && n == maxGuesses+1 && usedUp != nil {
			err = usedUp(tx)
		}
		return err
	}, store.Attempt{What: what, Limit: loginLimit})
	return left, err
}

// recordLock writes the event of a lock, if a user has the login.
func (c *Control) recordLock(ctx context.Context, tx *store.Tx, actor keyporter.Actor, login string) error {
	user, err := tx.UserByLogin(ctx, loginKey(login))
	if keyporter.KindOf(err) == keyporter.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.InsertEvent(ctx, c.userEvent(keyporter.EventUserLock, keyporter.System().From(actor), user))
}

// forgetGuesses forgets the guesses at a user's password after a sign-in, or with a new password.
func (c *Control) forgetGuesses(ctx context.Context, tx *store.Tx, actor keyporter.Actor, user keyporter.User) error {
	for _, what := range []string{atLogin(user.Login), "old password " + string(user.ID)} {
		if err := tx.ForgetAttempts(ctx, what); err != nil {
			return err
		}
		n, err := tx.ForgetGuesses(ctx, what)
		if err == nil && n > maxGuesses && what == atLogin(user.Login) {
			err = tx.InsertEvent(ctx, c.userEvent(keyporter.EventUserUnlock, actor, user))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
