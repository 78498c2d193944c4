package control

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// A session ends after a day without use, and after a week in any case.
const (
	sessionIdle     = 24 * time.Hour
	sessionLifetime = 7 * 24 * time.Hour
	sessionTouch    = 5 * time.Minute // use is recorded at most this often
)

// SignIn is the input of Control.SignIn.
type SignIn struct {
	Login    string
	Password string
	Browser  string // what this browser kept of SignedIn.Browser; anything else doesn't count
}

// SignedIn is a new session.
type SignedIn struct {
	Cookie  string // of the session
	Browser string // what the browser keeps for BrowserLifetime, in place of what it kept, to be known as this person's
}

// SignIn opens a session for anyone who knows the password. A wrong login, a wrong password and a user without a password all get the same
// error.
func (c *Control) SignIn(ctx context.Context, actor keyporter.Actor, in SignIn) (SignedIn, error) {
	user, who, err := c.checkPasswordOf(ctx, actor, in)
	if err != nil {
		return SignedIn{}, err
	}
	if err := mayEnter(ctx, c.db, user.User); err != nil {
		return SignedIn{}, err
	}
	if err := c.letsPasswordsIn(ctx, user.User); err != nil {
		return SignedIn{}, err
	}
	if user.hash, err = c.renewPassword(ctx, who, user, in.Password); err != nil {
		return SignedIn{}, err
	}
	return c.openSession(ctx, actor, user)
}

// checkPasswordOf returns the user with this login, if the password is right, and who they are in the
// queue for hashes. It counts as a guess until a session is opened.
func (c *Control) checkPasswordOf(ctx context.Context, actor keyporter.Actor, in SignIn) (user knownUser, who waiter, err error) {
	known, err := c.knownBrowser(ctx, in)
	if err != nil {
		return user, who, err
	}
	who, user.browser = waiter{actor, known.UserID}, in.Browser
	if err := c.countGuess(ctx, actor, in.Login, known.ID); err != nil {
		return user, who, err
	}
	if user.User, user.hash, err = c.userWithPassword(ctx, in.Login); err != nil {
		return user, who, err
	}
	match, err := c.passwordMatches(ctx, who, in.Password, user.hash)
	if err == nil && !match {
		err = wrongPassword()
	}
	user.provedAt = c.now()
	return user, who, err
}

// userWithPassword returns the user with this login and the hash of their password, both empty if there
// is none.
func (c *Control) userWithPassword(ctx context.Context, login string) (user keyporter.User, hash string, err error) {
	user, err = c.db.UserByLogin(ctx, loginKey(login))
	if err == nil {
		hash, err = c.db.PasswordHash(ctx, user.ID)
	}
	if keyporter.KindOf(err) == keyporter.NotFound {
		err = nil
	}
	return user, hash, err
}

func (c *Control) letsPasswordsIn(ctx context.Context, user keyporter.User) error {
	on, err := c.db.Passwords(ctx, user.OrganizationID)
	if err == nil && !on {
		err = keyporter.Refuse(keyporter.Forbidden, "Your organization doesn’t use passwords. Sign in with your organization’s account instead.")
	}
	return err
}

func wrongPassword() error {
	return keyporter.Refuse(keyporter.Unauthorized, "The login name or password is wrong.")
}

func loginKey(login string) string { return names.Key(text(login, keyporter.MaxLoginLen)) }

// text returns what databases accept as text out of what a browser sent, at most n bytes of
// it.
func text(s string, n int) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), n)], "\x00", ""), "")
}

// knownUser is a user who has proved who they are.
type knownUser struct {
	keyporter.User
	hash     string    // of the password at that time, if they have one
	provedAt time.Time // zero: nobody knows when
	by       store.Opener
	browser  string // what their browser kept
}

// openSession opens a session for the user, in the actor's browser.
func (c *Control) openSession(ctx context.Context, actor keyporter.Actor, user knownUser) (SignedIn, error) {
	cookie := rand.Text() + rand.Text() // 260 bits
	now := c.now()
	actor = keyporter.Session(user.User, user.provedAt).From(actor)
	browser, err := c.remember(user)
	if err != nil {
		return SignedIn{}, err
	}
	err = c.db.Do(ctx, func(tx *store.Tx) error {
		// Comparing a password takes long enough for it to be changed meanwhile, which ends
		// only the sessions that exist by then.
		err := tx.KeepPassword(ctx, user.ID, user.hash)
		if keyporter.KindOf(err) == keyporter.NotFound {
			return wrongPassword()
		}
		if err != nil {
			return err
		}
		if err := c.forgetGuesses(ctx, tx, actor, user.User); err != nil {
			return err
		}
		err = tx.InsertSession(ctx, keyporter.HashSecret(cookie), store.Session{
			UserID: user.ID, Opener: user.by, Address: actor.Address, Agent: text(actor.Agent, 200), CreatedAt: user.provedAt, SeenAt: now, ExpiresAt: now.Add(sessionLifetime),
		})
		if err != nil {
			return err
		}
		if err := tx.EndOldestSessions(ctx, user.ID, c.ceilings.Sessions); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, c.userEvent(keyporter.EventSessionCreate, actor, user.User))
	})
	return SignedIn{cookie, browser}, err
}

// mayEnter requires user and organization to be active.
func mayEnter(ctx context.Context, q reader, user keyporter.User) error {
	org, err := q.OrganizationByID(ctx, user.OrganizationID)
	switch {
	case err != nil:
		return err
	case !user.Active:
		return keyporter.Refuse(keyporter.Forbidden, "This account is switched off. An administrator of your organization can switch it on.")
	case !org.Active:
		return keyporter.Refuse(keyporter.Forbidden, "Your organization is suspended.")
	}
	return nil
}

// Session returns the user who is signed in with the cookie, as an actor with the address
// and browser of actor. It returns Unauthorized if there is no such session, if it has
// ended, and if the user may no longer sign in, or no longer in the way they did.
func (c *Control) Session(ctx context.Context, actor keyporter.Actor, cookie string) (keyporter.Actor, error) {
	found, seen, err := c.sessionOf(ctx, actor, cookie)
	if err != nil {
		return keyporter.Actor{}, err
	}
	if now := c.now(); now.Sub(seen) >= sessionTouch {
		err = c.db.Do(ctx, func(tx *store.Tx) error { return tx.TouchSession(ctx, keyporter.HashSecret(cookie), now) })
	}
	return found, err
}

// UnattendedSession is Session for what a page does by itself. It doesn't count as use, so that a page left open doesn't
// keep its session from ending.
func (c *Control) UnattendedSession(ctx context.Context, actor keyporter.Actor, cookie string) (keyporter.Actor, error) {
	found, _, err := c.sessionOf(ctx, actor, cookie)
	return found, err
}

// sessionOf returns the user whose session a cookie has, and when they last used it.
func (c *Control) sessionOf(ctx context.Context, actor keyporter.Actor, cookie string) (_ keyporter.Actor, seen time.Time, err error) {
	none := keyporter.Refuse(keyporter.Unauthorized, "Your session has ended. Sign in again.")
	if cookie == "" {
		return keyporter.Actor{}, seen, none
	}
	hash := keyporter.HashSecret(cookie)
	s, err := c.db.SessionByHash(ctx, hash)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return keyporter.Actor{}, seen, none
	}
	if err != nil {
		return keyporter.Actor{}, seen, err
	}
	now := c.now()
	if s.Over || !now.Before(s.ExpiresAt) || now.Sub(s.SeenAt) >= sessionIdle {
		return keyporter.Actor{}, seen, none
	}
	user, err := c.db.UserByID(ctx, s.UserID)
	if err != nil {
		return keyporter.Actor{}, seen, err
	}
	switch err := mayEnter(ctx, c.db, user); {
	case keyporter.KindOf(err) == keyporter.Forbidden:
		return keyporter.Actor{}, seen, none
	case err != nil:
		return keyporter.Actor{}, seen, err
	}
	return keyporter.Session(user, s.CreatedAt).From(actor), s.SeenAt, nil
}

// SignOut ends the session that the cookie belongs to.
func (c *Control) SignOut(ctx context.Context, actor keyporter.Actor, cookie string) error {
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return err
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		ended, err := tx.DeleteSession(ctx, keyporter.HashSecret(cookie))
		if err != nil || !ended {
			return err
		}
		return tx.InsertEvent(ctx, c.userEvent(keyporter.EventSessionDelete, actor, actor.User))
	})
}
