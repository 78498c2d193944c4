package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/keyporter/keyporter"
)

// transaction is an open transaction of either database. Commit's error is uncertain (see
// keyporter.IsUncertain) if nobody knows whether it was committed. Rollback does nothing after Commit.
type transaction interface {
	session
	Commit() error
	Rollback() error
}

// session is a connection, or a transaction on one.
type session interface {
	querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func (db *DB) begin(ctx context.Context) (transaction, error) {
	if db.pools != nil {
		return db.beginPostgres(ctx)
	}
	tx, err := db.write.BeginTx(ctx, nil)
	return sqliteTx{tx}, err
}

// sqliteTx is a transaction of SQLite.
type sqliteTx struct{ *sql.Tx }

// Commit may leave the whole change in the log even though writing it failed. Nobody sees it now, but
// whoever opens the database after a crash would recover it, unless another change has overwritten it.
func (t sqliteTx) Commit() error {
	err := t.Tx.Commit()
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	const primary = 0xff
	switch e.Code() & primary {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_INTERRUPT, sqlitelib.SQLITE_CONSTRAINT, sqlitelib.SQLITE_READONLY:
		return err // found out before anything was written
	}
	return uncertain(err)
}

// uncertain is the error of a change that may have been committed.
func uncertain(cause error) error {
	message := "The database didn't confirm the change."
	if why := classify(cause); why != nil && !IsUnreachable(why) {
		message = keyporter.MessageOf(why)
	}
	return &keyporter.Error{Kind: keyporter.Unavailable, Uncertain: true, Message: message + " " + keyporter.MayHaveChanged, Err: cause}
}

// stepTime is how long each step of a change may take: waiting in line, beginning, a statement, the
// commit. It is no limit for the whole, because an import has a hundred thousand of them.
const stepTime = 20 * time.Second

// errLate is the cause when a step has taken too long.
var errLate = errors.New("a step of the change took too long")

// steps has the context of a transaction, which ends when a step takes too long.
type steps struct {
	ctx   context.Context //nolint:containedctx // statements run under the transaction's context, whichever they are given
	limit time.Duration
	timer *time.Timer
}

func inSteps(ctx context.Context, limit time.Duration) (_ *steps, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(errLate) })
	return &steps{ctx, limit, timer}, func() {
		timer.Stop()
		cancel(nil)
	}
}

// next begins a step.
func (s *steps) next() { s.timer.Reset(s.limit) }

// explain replaces the error of a change that ran out of time: that of one of its steps, or the caller's.
func (s *steps) explain(err error) error {
	why := context.Cause(s.ctx)
	late := errors.Is(why, errLate) || errors.Is(why, context.DeadlineExceeded)
	if err == nil || !late || keyporter.IsUncertain(err) {
		return err
	}
	if kind := keyporter.KindOf(err); kind != keyporter.Unknown && kind != keyporter.Unavailable {
		return err
	}
	return &keyporter.Error{Kind: keyporter.Unavailable, Message: "The database takes too long to answer.", Err: err}
}

// stepping runs each statement of a transaction as a step.
type stepping struct {
	s     session
	steps *steps
}

func (q stepping) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	q.steps.next()
	return q.s.ExecContext(q.steps.ctx, query, args...)
}

func (q stepping) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	q.steps.next()
	return q.s.QueryContext(q.steps.ctx, query, args...)
}

func (q stepping) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	q.steps.next()
	return q.s.QueryRowContext(q.steps.ctx, query, args...)
}

func (q stepping) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	q.steps.next()
	return q.s.PrepareContext(q.steps.ctx, query)
}
