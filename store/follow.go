package store

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// Change is an Event in the form followers see: what changed, but not how.
type Change struct {
	Name           keyporter.EventName
	OrganizationID keyporter.ID
	UserID         keyporter.ID
	TokenID        keyporter.ID
	AppID          keyporter.ID
	ConnectionID   keyporter.ID

	Secret *keyporter.SecretHash // of a new access token, on the node that wrote it; nil: read it
}

// Follower keeps a copy of some state and must hear when that is out of date.
type Follower interface {
	// Changed reports one change. For changes made through this DB, it is called before Do
	// returns. It must not block for long.
	Changed(Change)
	// Reset reports that anything may have changed.
	Reset()
}

// Silence is how long followers may go without proof that they still hear about other nodes'
// changes. After that, don't trust their copies until Hears is true again.
const Silence = 3 * time.Second

// Follow reports every change to f from now on.
func (db *DB) Follow(f Follower) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.followers = append(db.followers, f)
}

// Listen reports changes that others make in the same database to the followers, until ctx ends.
// Without it, Hears stays false.
func (db *DB) Listen(ctx context.Context) {
	if db.pool != nil {
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
	if db.pool == nil {
		return 0
	}
	return Silence
}

// heard records the proof that the followers have heard everything committed before at.
func (db *DB) heard(at time.Time) { db.heardAt.Store(int64(at.Sub(db.start))) }

// deaf makes Hears false immediately.
func (db *DB) deaf() { db.heardAt.Store(-int64(Silence)) }

// manyChanges is how many changes of one transaction followers hear about one by one. If there
// are more, it is less work to reset them.
const manyChanges = 100

func (tx *Tx) many() bool { return len(tx.news) > manyChanges }

func (db *DB) notify(news []Change) {
	for _, f := range db.all() {
		for _, c := range news {
			f.Changed(c)
		}
	}
}

func (db *DB) reset() {
	for _, f := range db.all() {
		f.Reset()
	}
}

func (db *DB) all() []Follower {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.followers)
}
