package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// WatchInterval is how often Keyporter checks an SQLite file for changes by other processes,
// such as the command line.
const WatchInterval = 10 * time.Millisecond

// dataVersion is what PRAGMA data_version last said to the connection that writes. It changes when
// another connection has committed. Our other connections don't write, so a change must come
// from another process.
type dataVersion struct {
	listening atomic.Bool

	mu      sync.Mutex
	last    int64
	askedAt time.Time
}

// listenSQLite asks for the version whenever the connection that writes is idle; askDataVersion does
// so while it isn't.
func (db *DB) listenSQLite(ctx context.Context) {
	before, err := os.Stat(db.path)
	if err != nil {
		db.log.Error("the database file is gone", "error", err)
		return
	}
	db.data.listening.Store(true)
	defer db.data.listening.Store(false)
	tick := time.NewTicker(WatchInterval)
	defer tick.Stop()
	for n := 0; ; n++ {
		timeout, cancel := context.WithTimeout(ctx, Silence)
		db.askDataVersion(timeout, db.write)
		cancel()
		if n%10 == 0 && db.replaced(before) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// askDataVersion asks for the version on the connection that writes, and reports changes by other
// processes to the followers. Every transaction does so when it begins: however many of them wait in
// line, this node still hears.
func (db *DB) askDataVersion(ctx context.Context, write interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) {
	if !db.data.listening.Load() {
		return
	}
	asked, v := time.Now(), int64(0)
	if write.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&v) != nil {
		return
	}
	db.data.mu.Lock() // nobody may say that we have heard of a change before the followers have
	defer db.data.mu.Unlock()
	if v != db.data.last {
		db.data.last = v
		db.reset()
	}
	if asked.After(db.data.askedAt) {
		db.data.askedAt = asked
		db.heard(asked)
	}
}

// replaced closes the database if its file was removed or replaced. Otherwise we would keep
// reading and writing a file that nobody else sees.
func (db *DB) replaced(before os.FileInfo) bool {
	now, err := os.Stat(db.path)
	if err == nil && os.SameFile(before, now) {
		return false
	}
	db.deaf()
	db.reset()
	db.log.Error("the database file was removed or replaced while Keyporter was running; restart Keyporter", "path", db.path)
	if err := db.Close(); err != nil {
		db.log.Error("close the database", "error", fmt.Errorf("after its file was gone: %w", err))
	}
	return true
}
