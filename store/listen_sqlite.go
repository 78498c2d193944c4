package store

import (
	"context"
	"fmt"
	"os"
	"time"
)

// WatchInterval is how often Keyporter checks an SQLite file for changes by other processes,
// such as the command line.
const WatchInterval = 10 * time.Millisecond

// listenSQLite polls PRAGMA data_version, which changes when another connection has committed. It uses
// the connection that writes, before those who wait for it. Our other connections don't write, so a
// change must come from another process.
func (db *DB) listenSQLite(ctx context.Context) {
	before, err := os.Stat(db.path)
	if err != nil {
		db.log.Error("the database file is gone", "error", err)
		return
	}
	var version int64
	tick := time.NewTicker(WatchInterval)
	defer tick.Stop()
	for n := 0; ; n++ {
		asked := time.Now()
		if v, err := db.dataVersion(ctx); err == nil {
			if v != version {
				version = v
				db.reset()
			}
			db.heard(asked)
		}
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

func (db *DB) dataVersion(ctx context.Context) (v int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, Silence)
	defer cancel()
	leave, err := db.line.wait(ctx, true)
	if err != nil {
		return 0, err
	}
	defer leave()
	err = db.write.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&v)
	return v, err
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
