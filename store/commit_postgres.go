package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// LookTime is how long Keyporter tries to find out what became of a change whose commit wasn't answered.
const LookTime = 3 * time.Second

// postgresTx is a transaction on a connection of its own. It knows its ID, which is what one has to
// ask for when the answer to COMMIT is lost.
type postgresTx struct {
	*sql.Conn

	ctx    context.Context //nolint:containedctx // like sql.Tx, it ends with the context it began with
	look   func(ctx context.Context, id, server string) (status string, err error)
	id     string // of the transaction
	server string // when the server started: another one doesn't know the ID, or uses it for something else
	ended  bool
}

func (db *DB) beginPostgres(ctx context.Context) (*postgresTx, error) {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	t := &postgresTx{Conn: conn, ctx: ctx, look: db.outcome}
	results, err := t.send(ctx, `BEGIN; SELECT pg_current_xact_id(), pg_postmaster_start_time()`)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	row := results[1].Rows[0]
	t.id, t.server = string(row[0]), string(row[1])
	return t, nil
}

// send runs statements without arguments in one round trip.
func (t *postgresTx) send(ctx context.Context, statements string) (results []*pgconn.Result, err error) {
	err = t.Raw(func(conn any) error {
		pg, ok := conn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the connection is a %T", conn)
		}
		results, err = pg.Conn().PgConn().Exec(ctx, statements).ReadAll()
		return err
	})
	return results, err
}

// Commit looks what became of the transaction if COMMIT isn't answered: the server may have crashed,
// or only the connection to it.
func (t *postgresTx) Commit() error {
	if err := t.ctx.Err(); err != nil {
		return err // it isn't even sent
	}
	results, err := t.send(t.ctx, `COMMIT`)
	if err == nil {
		t.ended = true
		if results[0].CommandTag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.SeverityUnlocalized == "ERROR" {
		return err // refused
	}
	t.ended = true
	return t.lookUp(err)
}

// lookUp returns nil if the transaction is committed after all, lost if it isn't, and an uncertain
// error if that can't be found out in time. Its server may still be waiting for a standby.
func (t *postgresTx) lookUp(lost error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), LookTime)
	defer cancel()
	var unseen error                                              // why the last look saw nothing
	for wait := LookTime / 30; ; wait = min(2*wait, LookTime/6) { // a server that recovers has enough to do
		switch status, err := t.look(ctx, t.id, t.server); {
		case err != nil && ctx.Err() == nil:
			unseen = err
		case status == "committed":
			return nil
		case status == "aborted":
			return lost
		case status != "" && status != "in progress":
			return uncertain(errors.Join(lost, errors.New(status)))
		}
		select {
		case <-ctx.Done():
			return uncertain(errors.Join(lost, unseen))
		case <-time.After(wait):
		}
	}
}

// Rollback also returns the connection. If there is any doubt about its state, the pool closes it.
func (t *postgresTx) Rollback() error {
	if !t.ended {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), time.Second)
		defer cancel()
		_, _ = t.send(ctx, `ROLLBACK`)
	}
	return t.Close()
}

// outcome asks what became of a transaction: committed, aborted, in progress, or a reason why that
// isn't known. It asks on a new connection, because those of the pool may be broken, too.
func (db *DB) outcome(ctx context.Context, id, server string) (status string, err error) {
	conn, err := pgx.ConnectConfig(ctx, db.pools.main.Config().ConnConfig)
	if err != nil {
		return "", fmt.Errorf("connect to look: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	// A committed change that no standby has confirmed may be lost when a standby takes over.
	err = conn.QueryRow(ctx, `
		SELECT CASE
			WHEN pg_postmaster_start_time() <> CAST($2 AS TEXT)::timestamptz THEN 'another server answers'
			WHEN pg_xact_status(CAST($1 AS TEXT)::xid8) = 'committed' AND current_setting('synchronous_standby_names') <> '' THEN 'no standby has confirmed it'
			ELSE pg_xact_status(CAST($1 AS TEXT)::xid8) END`, id, server).Scan(&status)
	if err != nil {
		return "", fmt.Errorf("look: %w", err)
	}
	return status, nil
}
