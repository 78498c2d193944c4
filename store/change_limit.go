package store

import (
	"context"
	"slices"
	"strings"
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

// isLimited reports whether changes of this name are limited. Those that take power away aren't: nobody
// may keep a person from them by making many others in their name. There can't be more of them than
// of the changes that they undo. Sessions have limits of their own.
func isLimited(name keyporter.EventName) bool {
	noun, verb, _ := strings.Cut(string(name), ".")
	return noun != "session" && noun != "access_token" && noun != "grant" &&
		!slices.Contains([]string{"disable", "delete", "secret_delete", "suspend", "dismiss", "withdraw", "passwords_off", "password", "lock", "unlock", "replay"}, verb)
}
