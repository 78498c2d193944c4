package store

import (
	"context"
	"errors"
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
	var seen seenInFile
	var writtenAt time.Time
	for {
		asked := time.Now()
		if err := db.lookIntoFile(ctx, &seen); err == nil {
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

// seenInFile is what the followers have heard of.
type seenInFile struct {
	version    int64 // data_version; 0: none
	row        int64 // of the latest event; SQLite numbers rows in the order of commits
	statements int64 // that this process had run by then
}

// lookIntoFile reports to the followers what another process has changed.
func (db *DB) lookIntoFile(ctx context.Context, seen *seenInFile) error {
	ctx, cancel := context.WithTimeout(ctx, Silence)
	defer cancel()
	leave, err := db.line.wait(ctx, true)
	if err != nil {
		return err
	}
	statements := db.statements.Load()
	now, changes, err := db.changedInFile(ctx, *seen)
	leave()
	if err != nil {
		return err
	}
	switch {
	case now.version == seen.version: // nobody else has
	case len(changes) == 0: // by hand, or this is the first look: it may be anything
		db.reset()
	default:
		db.notify(changes)
	}
	now.statements = statements
	*seen = now
	return nil
}

// changedInFile returns what is in the file now and, if another process has changed it, the events since. All of it
// is read from one snapshot: events that are there already when their version isn't would be missed later.
func (db *DB) changedInFile(ctx context.Context, seen seenInFile) (now seenInFile, changes []Change, err error) {
	now = seen
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return now, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if now.version, err = one(ctx, conn, scanInt64, `PRAGMA data_version`); err != nil || now.version == seen.version && db.statements.Load() == seen.statements {
		return now, nil, err
	}
	if _, err := conn.ExecContext(ctx, `BEGIN DEFERRED`); err != nil {
		return now, nil, err
	}
	defer func() {
		_, end := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		err = errors.Join(err, end)
	}()
	if now.row, err = one(ctx, conn, scanInt64, `SELECT coalesce(max(rowid), 0) FROM events`); err != nil {
		return now, nil, err
	}
	if now.version, err = one(ctx, conn, scanInt64, `PRAGMA data_version`); err != nil || now.version == seen.version || seen.version == 0 {
		return now, nil, err
	}
	changes, err = list(ctx, conn, scanChange, `
		SELECT id, name, organization_id, user_id, token_id, app_id, connection_id FROM events WHERE rowid > $1 ORDER BY rowid LIMIT $2`, seen.row, maxChanges+1)
	if len(changes) > maxChanges {
		changes = nil // forget everything, which is less work
	}
	return now, changes, err
}

// maxChanges is how many changes of other processes are read.
const maxChanges = 200_000

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
