package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// ChangeLimit is how many changes one user can make, with all their sessions and credentials: 120 at
// once, and then one each second. Each is an event that is kept, and that other nodes hear of.
func ChangeLimit() Limit { return Limit{Burst: 120, Every: time.Second} }

// countChange counts a change. If there are too many, the error is TooMany, and the transaction that
// makes the change must end with it.
func (tx *Tx) countChange(ctx context.Context, e keyporter.Event) error {
	if e.Actor.Trusted() || e.Actor.User.ID == "" || !isLimited(e.Name) {
		return nil
	}
	err := tx.attempt(ctx, Attempt{What: "changes of " + string(e.Actor.User.ID), Limit: ChangeLimit()}, e.At)
	if tooMany, ok := err.(*keyporter.Error); ok && tooMany.Kind == keyporter.TooMany { //nolint:errorlint // attempt doesn't wrap it
		tooMany.Message = "You have made too many changes in a short time."
	}
	return err
}

// isLimited reports whether changes of this name are limited. What Keyporter does on its own account for
// someone who signs in or whose app asks for a token must not fail, and has limits of its own.
func isLimited(name keyporter.EventName) bool {
	switch name {
	case keyporter.EventSessionCreate, keyporter.EventAccessTokenCreate, keyporter.EventUserUnlock:
		return false
	}
	return !name.TakesPower()
}
