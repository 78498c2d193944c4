package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/keyporter/keyporter"
)

// lookupConns is how many connections checks have. SQLite's reads take some 50 µs, and readers don't
// wait for the writer.
const lookupConns = 4

// openSQLite opens one connection that writes and several that read. SQLite allows one writer at
// a time. Queueing for it in Go is fair, and leaves SQLITE_BUSY to conflicts with other
// processes.
func (db *DB) openSQLite(ctx context.Context, path string) (err error) {
	if err := makePrivate(path); err != nil {
		return err
	}
	db.path, db.line = path, newLine()
	if db.read, err = openPool(ctx, path, max(4, 2*runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return err
	}
	// Check before opening the connection that writes, so that another program's file stays unchanged.
	if err = checkOwned(ctx, db.read); err == nil {
		db.write, err = openPool(ctx, path, 1, "_txlock=immediate&_pragma=synchronous(FULL)&_pragma=journal_mode(WAL)")
	}
	if err != nil {
		return errors.Join(err, db.read.Close())
	}
	if db.lookup, err = openPool(ctx, path, lookupConns, "_pragma=query_only(1)"); err != nil {
		return errors.Join(err, db.read.Close(), db.write.Close())
	}
	return nil
}

// checkOwned returns an error unless the file is empty or Keyporter's. A file whose first start
// was interrupted may only have the tables of goose.
func checkOwned(ctx context.Context, read *sql.DB) error {
	foreign, err := one(ctx, read, scanInt, `
		SELECT count(*) FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'
			AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'token_secrets')`)
	if err == nil && foreign > 0 {
		err = keyporter.Refuse(keyporter.Unavailable, notOurs)
	}
	return err
}

func openPool(ctx context.Context, path string, conns int, settings string) (*sql.DB, error) {
	// modernc's driver only takes settings as _pragma. It ignores _busy_timeout and the like.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&" + settings
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// makePrivate creates the file so that only its owner can read it, because it holds what people
// did and the hashes of their passwords. SQLite gives its side files the same mode.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return cantOpen(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return cantOpen(err)
	}
	return f.Close()
}
