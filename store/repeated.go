package store

import (
	"context"
	"database/sql"
)

// repeated is a transaction that prepares a statement when it comes again. A batch of
// counts runs the same ones thousands of times, and SQLite takes twice as long to read
// one as to run it. The end of the transaction closes them.
type repeated struct {
	*sql.Tx
	prepared map[string]*sql.Stmt // nil of those that came once
}

func (r repeated) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, again := r.prepared[query]
	if !again {
		r.prepared[query] = nil
		return r.Tx.ExecContext(ctx, query, args...)
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
