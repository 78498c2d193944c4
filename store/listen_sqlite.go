package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How often Keyporter asks whether another process, such as the command line, has changed an SQLite file.
const (
	WatchInterval = 10 * time.Millisecond  // while the file is being written, or if the system doesn't say that it is
	watchFor      = 300 * time.Millisecond // after the file was written: a commit shows when the disk has it
	watchIdle     = time.Second            // otherwise; on network file systems, nobody says that the file is written
)

// listenSQLite asks PRAGMA data_version, which changes when another connection has committed. It uses
// the connection that writes, before those who wait for it. Our other connections don't write, so a
// change must come from another process.
func (db *DB) listenSQLite(ctx context.Context) {
	before, err := os.Stat(db.path)
	if err != nil {
		db.log.Error("the database file is gone", "error", err)
		return
	}
	idle := watchIdle
	written, err := watchFile(ctx, db.path)
	if err != nil {
		db.log.Warn("can't watch the database file; asking for changes all the time instead", "error", err)
		idle = WatchInterval
	}
	var version, row int64
	var writtenAt time.Time
	for {
		asked := time.Now()
		latest, errRow := db.latestEvent(ctx) // before the version, so that no other process wrote it if that is the same
		if v, err := db.dataVersion(ctx); err == nil && errRow == nil {
			switch {
			case version == 0:
				db.reset()
			case v != version:
				latest = db.notifySince(ctx, row)
			}
			version, row = v, latest
			db.heard(asked)
		}
		if db.replaced(before) {
			return
		}
		wait := idle
		if time.Since(writtenAt) < watchFor {
			wait = WatchInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-written:
			writtenAt = time.Now()
		}
	}
}

// watchFile returns a channel that receives a value soon after the database file or its log was written, made,
// or removed. It watches the folder, because the log comes and goes.
func watchFile(ctx context.Context, path string) (<-chan struct{}, error) {
	path, err := filepath.EvalSymlinks(path) // SQLite's log is beside the file itself
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.Add(filepath.Dir(path)); err != nil {
		_ = w.Close()
		return nil, err
	}
	written := make(chan struct{}, 1)
	go func() {
		defer func() { _ = w.Close() }()
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-w.Events:
				if e.Name != path && e.Name != path+"-wal" {
					continue
				}
			case err := <-w.Errors:
				_ = err // more was written than it can tell
			}
			select {
			case written <- struct{}{}:
			default:
			}
			select { // a long change writes the log thousands of times
			case <-time.After(WatchInterval / 2):
			case <-ctx.Done():
				return
			}
		}
	}()
	return written, nil
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

// latestEvent returns the row of the latest event. SQLite numbers rows in the order of commits.
func (db *DB) latestEvent(ctx context.Context) (int64, error) {
	n, err := one(ctx, db.lookup, scanInt, `SELECT coalesce(max(rowid), 0) FROM events`)
	return int64(n), err
}

// notifySince reports the events after a row to the followers, and returns the row of the last of them. Whatever changed
// without an event, such as by hand, may be anything.
func (db *DB) notifySince(ctx context.Context, row int64) int64 {
	first := row
	for {
		var changes []Change
		_, err := list(ctx, db.lookup, func(s scanner) (struct{}, error) {
			c, err := scanChange(alsoScans{s, &row})
			changes = append(changes, c)
			return struct{}{}, err
		}, `SELECT id, name, organization_id, user_id, token_id, app_id, connection_id, rowid
			FROM events WHERE rowid > $1 ORDER BY rowid LIMIT $2`, row, changesPage)
		if err != nil || row == first {
			db.reset()
			return row
		}
		db.notify(changes)
		if len(changes) < changesPage {
			return row
		}
	}
}
