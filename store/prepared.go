package store

import (
	"context"
	"database/sql"
)

// preparing returns a session that prepares what runs again. pgx does that by itself, and statements that
// are prepared on a connection of its pool would stay there.
func (db *DB) preparing(s session) querier {
	if db.pools != nil {
		return s
	}
	return preparedTx{s, map[string]*sql.Stmt{}}
}

// preparedTx is a transaction of SQLite that prepares a statement when it runs for the second time. A batch
// of counts runs the same statements thousands of times, and SQLite takes twice as long to parse
// one as to run it. The statements are closed when the transaction ends.
type preparedTx struct {
	session
	prepared map[string]*sql.Stmt // nil for those that have run once
}

func (r preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, again := r.prepared[query]
	if !again {
		r.prepared[query] = nil
		return r.session.ExecContext(ctx, query, args...)
	}
	if s == nil {
		var err error
		if s, err = r.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		r.prepared[query] = s
	}
	return s.ExecContext(ctx, args...)
}
