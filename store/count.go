package store

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// Statements returns how many SQL statements have run so far, not counting those that watch for
// other nodes' changes.
func (db *DB) Statements() int64 { return db.statements.Load() }

// counted counts the statements that go to q.
type counted struct {
	q querier
	n *atomic.Int64
}

func (db *DB) counted(q querier) querier { return counted{q, &db.statements} }

func (c counted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	c.n.Add(1)
	return c.q.ExecContext(ctx, query, args...)
}

func (c counted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.n.Add(1)
	return c.q.QueryContext(ctx, query, args...)
}

func (c counted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	c.n.Add(1)
	return c.q.QueryRowContext(ctx, query, args...)
}
