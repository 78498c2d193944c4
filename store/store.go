// Package store keeps the state of Keyporter in SQLite or PostgreSQL.
//
// It owns the schema, every query (one file per noun, the same SQL for both databases), the
// transaction that writes each change together with its Event, and the notifications of
// changes for those who keep copies. Package control decides what may be changed, and by whom.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	queries         // reads outside of a transaction
	lookups queries // those of checks

	write  *sql.DB
	read   *sql.DB // on PostgreSQL the same as write
	lookup *sql.DB
	log    *slog.Logger

	path   string                 // of the SQLite file; empty on PostgreSQL
	pools  *pools                 // nil on SQLite
	node   atomic.Pointer[string] // see name
	line   *line                  // nil on PostgreSQL
	limits reachedLimits

	stepTime time.Duration // see the constant

	mu        sync.Mutex
	followers []Follower

	statements atomic.Int64

	start   time.Time
	heardAt atomic.Int64 // nanoseconds since start, see Hears
}

// Open opens the database at url and brings its schema up to date. The url is the path of an
// SQLite file, created if it is missing, or postgres://user@host/name with the settings that
// PostgreSQL's own clients know. A newer release may have made the schema, if this one can run on it.
// A pooler in between must have the connections that a node needs.
func Open(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	return openWith(ctx, url, log, func(db *DB, ctx context.Context) error {
		if err := db.pools.fill(ctx); err != nil {
			return err
		}
		return db.migrate(ctx)
	})
}

// Migrate brings the schema of the database at url up to date, beside nodes that may be using it.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	db, err := openWith(ctx, url, log, (*DB).migrate)
	if err != nil {
		return err
	}
	return db.Close()
}

// OpenMigrated is Open for a database that another program may be using: it doesn't change the schema,
// and returns an error unless it fits.
func OpenMigrated(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	return openWith(ctx, url, log, (*DB).isMigrated)
}

func openWith(ctx context.Context, url string, log *slog.Logger, prepare func(*DB, context.Context) error) (*DB, error) {
	db := &DB{log: log, stepTime: stepTime, start: time.Now()}
	db.rename()
	db.heardAt.Store(-int64(Silence))
	open := db.openSQLite
	if IsPostgres(url) {
		open = db.openPostgres
	}
	if err := open(ctx, url); err != nil {
		return nil, fmt.Errorf("open the database: %w", explain(err))
	}
	db.queries, db.lookups = queries{db.counted(db.read)}, queries{db.counted(db.lookup)}
	if err := prepare(db, ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("prepare the database: %w", explain(err))
	}
	return db, nil
}

// IsPostgres reports whether url names a PostgreSQL database.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Close closes the database. Running transactions are rolled back.
func (db *DB) Close() error {
	err := errors.Join(db.write.Close(), db.lookup.Close())
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	if db.pools != nil {
		db.pools.close()
	}
	return err
}

// Ping returns an error if the database can't be reached.
func (db *DB) Ping(ctx context.Context) error {
	_, err := one(ctx, db.q, scanInt, `SELECT 1`)
	return err
}

// queries are the reads. They run on the database or inside a transaction.
type queries struct{ q querier }

type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction: the reads of DB, the writes, and the events that record them.
type Tx struct {
	queries
	news   []Change
	issued map[keyporter.ID]*keyporter.SecretHash // of the access tokens that the transaction writes
	node   string                                 // whose notifications other nodes hear; empty: there are no others
	limits *reachedLimits
}

// issue lets this node's followers learn the hash of a new token's secret with the event that records it.
func (tx *Tx) issue(token keyporter.ID, hash keyporter.SecretHash) { tx.issued[token] = &hash }

// Do runs f in a transaction and commits it if f returns nil. f must write an Event with each
// change. By the time Do returns, this node's followers have heard about the changes. Do may run
// f again if the database asks for it, so f must not do anything that the transaction can't undo.
func (db *DB) Do(ctx context.Context, f func(*Tx) error) error {
	const tries = 5
	for try := 1; ; try++ {
		err := db.do(ctx, f)
		if try == tries || !isSerialization(err) || ctx.Err() != nil {
			return explain(err)
		}
	}
}

func (db *DB) do(ctx context.Context, f func(*Tx) error) (err error) {
	steps, end := inSteps(ctx, db.stepTime)
	defer end()
	defer func() { err = steps.explain(err) }()
	ctx = steps.ctx
	leave, err := db.line.wait(ctx, false)
	if err != nil {
		return fmt.Errorf("wait for the writer: %w", err)
	}
	defer leave()
	db.statements.Add(2) // BEGIN, and COMMIT or ROLLBACK
	steps.next()
	t, err := db.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // does nothing after Commit
	tx := &Tx{queries: queries{db.counted(db.preparing(stepping{t, steps}))}, issued: map[keyporter.ID]*keyporter.SecretHash{}, limits: &db.limits}
	if db.pools != nil {
		tx.node = db.name()
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := db.notifyMany(ctx, tx); err != nil {
		return err
	}
	// Followers hear about it even if the commit failed: it may have happened all the same.
	defer db.notify(tx.news)
	steps.next()
	if err := t.Commit(); err != nil {
		if keyporter.IsUncertain(err) {
			db.rename()
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// lock returns what makes a SELECT lock its rows until the transaction ends, with a strength such as KEY SHARE.
func (tx *Tx) lock(strength string) string {
	if tx.node == "" { // SQLite has one writer
		return ""
	}
	return ` FOR ` + strength
}

// exec runs one statement and returns how many rows it touched.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := tx.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// execOrNotFound is exec for a statement that must change a row. If it changes none, the error is
// NotFound.
func (tx *Tx) execOrNotFound(ctx context.Context, query string, args ...any) error {
	n, err := tx.exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = sql.ErrNoRows
	}
	return explain(err)
}

// list runs a query and scans each row.
func list[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (_ []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, explain(err)
		}
		all = append(all, one)
	}
	return all, explain(rows.Err())
}

// one runs a query for one row. If there is none, the error is NotFound.
func one[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	t, err := scan(q.QueryRowContext(ctx, query, args...))
	return t, explain(err)
}

// listByID runs a query for the rows with these IDs, which it puts in the place of ($ids).
func listByID[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, ids []keyporter.ID) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	marks, args := placeholders(ids)
	return list(ctx, q, scan, strings.Replace(query, "($ids)", marks, 1), args...)
}

// byID returns rows by their IDs.
func byID[T any](rows []T, id func(T) keyporter.ID) map[keyporter.ID]T {
	all := make(map[keyporter.ID]T, len(rows))
	for _, r := range rows {
		all[id(r)] = r
	}
	return all
}

type scanner interface{ Scan(dest ...any) error }

// alsoScans is a row with one more column at its end.
type alsoScans struct {
	scanner
	last any
}

func (s alsoScans) Scan(dest ...any) error { return s.scanner.Scan(append(dest, s.last)...) }

func scanString[T ~string](row scanner) (s T, err error) {
	err = row.Scan(&s)
	return s, err
}

// millis returns a time in the form it is stored: Unix milliseconds, 0 for never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
