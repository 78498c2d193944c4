package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// ChangeLimit is how many changes one user can make, with all their sessions and credentials: 120 at
// once, and then one each second. Each is an event that is kept, and that other nodes hear of.
func ChangeLimit() Limit { return Limit{Burst: 120, Every: time.Second} }

// ManyLimit is how many changes to many things at once one user can make: 30 at once, and then one every 30 seconds.
func ManyLimit() Limit { return Limit{Burst: 30, Every: 30 * time.Second} }

// countMany counts a change to many things, of which e is the first event.
func (tx *Tx) countMany(ctx context.Context, e keyporter.Event) error {
	return tx.count(ctx, e, "many ", ManyLimit())
}

// countChange counts a change. If there are too many, the error is TooMany, and the transaction that
// makes the change must end with it.
func (tx *Tx) countChange(ctx context.Context, e keyporter.Event) error {
	return tx.count(ctx, e, "", ChangeLimit())
}

func (tx *Tx) count(ctx context.Context, e keyporter.Event, prefix string, limit Limit) error {
	what, tooOften := limitOf(e)
	if what == "" || e.Actor.Trusted() || e.Actor.User.ID == "" {
		return nil
	}
	err := tx.attempt(ctx, Attempt{What: prefix + what + " of " + string(e.Actor.User.ID), Limit: limit}, e.At)
	if tooMany, ok := err.(*keyporter.Error); ok && tooMany.Kind == keyporter.TooMany { //nolint:errorlint // attempt doesn't wrap it
		tooMany.Message = tooOften
	}
	return err
}

const tooManyPasswords = "You have set too many passwords in a short time."

// limitOf returns what a change counts as, and what to say when there are too many; empty: they
// aren't limited. Sign-ins have a count of their own, because somebody with one of the user's credentials can use up
// their changes. So do passwords. What Keyporter does on its own account for someone whose app asks for a token must not
// fail, and has limits of its own.
func limitOf(e keyporter.Event) (what, tooOften string) {
	switch e.Name {
	case keyporter.EventSessionCreate:
		return "sign-ins", "You have signed in too often in a short time."
	case keyporter.EventUserPassword:
		if e.UserID == e.Actor.User.ID { // takes the old one, which a thief of a session doesn't have
			return "own passwords", tooManyPasswords
		}
		return "passwords", tooManyPasswords
	case keyporter.EventAccessTokenCreate, keyporter.EventUserUnlock:
		return "", ""
	}
	if e.Name.TakesPower() {
		return "", ""
	}
	return "changes", "You have made too many changes in a short time."
}
