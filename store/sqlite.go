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

// openSQLite opens one connection that writes and some that read. SQLite lets one
// writer in at a time; queueing for it in Go is fair and never gets SQLITE_BUSY, which
// stays for other processes.
func (db *DB) openSQLite(ctx context.Context, path string) (err error) {
	if err := makePrivate(path); err != nil {
		return err
	}
	db.path = path
	if db.read, err = openPool(ctx, path, max(4, 2*runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return err
	}
	db.queries = queries{db.counted(db.read)}
	// Before there is a connection that writes: another program's file stays as it is.
	if err = db.ours(ctx); err == nil {
		db.write, err = openPool(ctx, path, 1, "_txlock=immediate&_pragma=synchronous(FULL)&_pragma=journal_mode(WAL)")
	}
	if err != nil {
		return errors.Join(err, db.read.Close())
	}
	return nil
}

// ours wants the file to be empty, or Keyporter's. One whose first start was cut off has
// tables of goose only.
func (db *DB) ours(ctx context.Context) error {
	foreign, err := one(ctx, db.q, scanInt, `
		SELECT count(*) FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'
			AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'token_secrets')`)
	if err == nil && foreign > 0 {
		err = keyporter.Refuse(keyporter.Unavailable, notOurs)
	}
	return err
}

func openPool(ctx context.Context, path string, conns int, settings string) (*sql.DB, error) {
	// modernc's driver takes settings as _pragma only; _busy_timeout and the like it ignores.
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

// makePrivate creates the file so that only its owner reads it: it holds what people
// did, and the hashes of their passwords. SQLite gives its side files the same mode.
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
