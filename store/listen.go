package store

import (
	"context"
	"time"
)

// Silence is how long followers may go without proof that they still hear about other nodes'
// changes. After that, don't trust their copies until Hears is true again.
const Silence = 3 * time.Second

// Listen reports changes that others make in the same database to the followers, until ctx ends.
// Without it, Hears stays false.
func (db *DB) Listen(ctx context.Context) {
	if db.pools != nil {
		db.listenPostgres(ctx)
		return
	}
	db.listenSQLite(ctx)
}

// Hears reports whether this node has proved within the last three seconds that it hears about
// other nodes' changes. While it hasn't, copies may be stale: read the database instead.
func (db *DB) Hears() bool {
	_, hears := db.Heard()
	return hears
}

// Heard returns how long ago that was proved, and the result of Hears.
func (db *DB) Heard() (ago time.Duration, hears bool) {
	ago = time.Since(db.start) - time.Duration(db.heardAt.Load())
	return ago, ago < Silence
}

// Lag returns the longest time until every other node on the same database has heard about a
// change or no longer trusts its copies. It is 0 with SQLite, which has no other nodes.
func (db *DB) Lag() time.Duration {
	if db.pools == nil {
		return 0
	}
	return Silence
}

// heard records the proof that the followers have heard everything committed before at.
func (db *DB) heard(at time.Time) { db.heardAt.Store(int64(at.Sub(db.start))) }

// deaf makes Hears false immediately.
func (db *DB) deaf() { db.heardAt.Store(-int64(Silence)) }
