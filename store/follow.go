package store

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// Change is an Event as followers hear of it: what was touched, not how.
type Change struct {
	Name           keyporter.EventName
	OrganizationID keyporter.ID
	UserID         keyporter.ID
	TokenID        keyporter.ID
	AppID          keyporter.ID
	ConnectionID   keyporter.ID
}

// Follower keeps a copy of some of the state and has to hear when that is no longer true.
type Follower interface {
	// Changed tells of one change. For changes made through this DB it is called before Do
	// returns; it must not block for long.
	Changed(Change)
	// Reset tells that anything may have changed.
	Reset()
}

// Silence is how long followers may go without proof that they still hear of changes
// made by others. After it their copies are not to be trusted until Hears is true again.
const Silence = 3 * time.Second

// Follow has f told of every change from now on.
func (db *DB) Follow(f Follower) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.followers = append(db.followers, f)
}

// Listen hears what others change in the same database, and passes it on to the
// followers, until ctx ends. Without it Hears stays false.
func (db *DB) Listen(ctx context.Context) {
	if db.pool != nil {
		db.listenPostgres(ctx)
		return
	}
	db.listenSQLite(ctx)
}

// Hears tells whether this node has proved within the last three seconds that it hears
// what others change. While it doesn't, copies are stale: ask the database.
func (db *DB) Hears() bool {
	_, hears := db.Heard()
	return hears
}

// Heard returns how long ago that was proved, and Hears.
func (db *DB) Heard() (ago time.Duration, hears bool) {
	ago = time.Since(db.start) - time.Duration(db.heardAt.Load())
	return ago, ago < Silence
}

// Lag returns how long another node on the same database may take to hear of a change, or
// not to trust its copies any more. With SQLite there is no other one.
func (db *DB) Lag() time.Duration {
	if db.pool == nil {
		return 0
	}
	return Silence
}

// heard notes the proof that whatever was committed before at has been passed on.
func (db *DB) heard(at time.Time) { db.heardAt.Store(int64(at.Sub(db.start))) }

// deaf makes Hears false at once.
func (db *DB) deaf() { db.heardAt.Store(-int64(Silence)) }

// manyChanges is how many changes of one transaction followers hear of one by one. When
// there are more, to start from nothing is less work.
const manyChanges = 100

func (tx *Tx) many() bool { return len(tx.news) > manyChanges }

func (db *DB) tell(news []Change) {
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
