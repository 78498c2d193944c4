package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Followers hear what other processes have changed from the log of events, wherever no notification says it: many
// changes at once, or what another release writes.

// notifyLogged reports the events from first to last, in the order of their IDs, to the followers. Events of other
// transactions that are among them were reported before, or will be again.
func (db *DB) notifyLogged(ctx context.Context, first, last keyporter.ID) error {
	for after := keyporter.ID(""); ; {
		changes, err := list(ctx, db.lookups.q, scanChange, `
			SELECT id, name, organization_id, user_id, token_id, app_id, connection_id
			FROM events WHERE id >= $1 AND id <= $2 AND id > $3
			ORDER BY id LIMIT $4`, first, last, after, changesPage)
		if err != nil {
			return fmt.Errorf("read what has changed: %w", err)
		}
		db.notify(changes)
		if len(changes) < changesPage {
			return nil
		}
		after = changes[len(changes)-1].EventID
	}
}

func scanChange(row scanner) (c Change, err error) {
	return c, row.Scan(&c.EventID, &c.Name, &c.OrganizationID, &c.UserID, &c.TokenID, &c.AppID, &c.ConnectionID)
}

// spanOf returns the first and the last ID of the events of these changes.
func spanOf(news []Change) (first, last keyporter.ID) {
	first = news[0].EventID
	for _, c := range news {
		first, last = min(first, c.EventID), max(last, c.EventID)
	}
	return first, last
}

// recent is how far back a node looks that doesn't understand a notification: a change takes less time, unless it is
// of many things, of which every release notifies in the same words.
const recent = 10 * time.Minute

// notifyRecent reports what may have changed just now.
func (db *DB) notifyRecent(ctx context.Context) error {
	const latest = "zzzzzzzzzzzzzzzzzzzzzzzzzzz" // is after every ID
	return db.notifyLogged(ctx, keyporter.NewID(time.Now().Add(-recent)), latest)
}

// orReset resets the followers if they couldn't be told what has changed.
func (db *DB) orReset(err error) {
	if err != nil {
		db.log.Warn("can't read what has changed; forgetting everything instead", "error", err)
		db.reset()
	}
}
