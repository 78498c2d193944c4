package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/keyporter/keyporter"
)

const sharedConnections = "A connection pooler is in front of PostgreSQL, and it doesn't give a client one connection for its whole session. " +
	"Keyporter couldn't hear changes from other nodes. In PgBouncer, set pool_mode=session for this database, or use the address of PostgreSQL itself."

const tooFewConnections = "The connection pooler in front of PostgreSQL has too few connections for Keyporter: a node holds up to %d of them. " +
	"In PgBouncer, set default_pool_size, or pool_size for this database, to at least %[1]d for each node, and max_client_conn and PostgreSQL's max_connections accordingly. " +
	"To hold fewer, set pool_max_conns in the address of the database: with n of them, a node holds 2n+2."

const silent = "a connection was accepted, but a query on it wasn't answered; if there is a connection pooler, it can't reach PostgreSQL, or all its connections are taken (a node holds up to %d)"

// poolerTime is how long a pooler may take to give a node a connection.
const poolerTime = 10 * time.Second

// checkPooler reports whether a pooler is in between. It returns an error if that pools by transaction or by
// statement. It must run before anything listens, because PgBouncer 1.18 crashes when a notification
// comes for a client that has left, and on connections of its own, because a setting of ours would stay on a
// connection that others use.
func checkPooler(ctx context.Context, cfg *pgxpool.Config) (pooled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, poolerTime)
	defer cancel()
	first, err := pgconn.ConnectConfig(ctx, &cfg.ConnConfig.Config)
	if err != nil {
		return false, err
	}
	defer func() { _ = first.Close(ctx) }()
	pid, err := backendOf(ctx, first)
	if err != nil {
		return false, fmt.Errorf(silent+": %w", 2*cfg.MaxConns+2, err)
	}
	if pid == first.PID() { // it is the server itself that we talk to
		return false, nil
	}
	second, err := pgconn.ConnectConfig(ctx, &cfg.ConnConfig.Config)
	if err == nil {
		defer func() { _ = second.Close(ctx) }()
		_, err = backendOf(ctx, second)
	}
	if err != nil {
		return true, explainTooFew(err, cfg)
	}
	return true, refuseSharedConnections(ctx, first, second)
}

// refuseSharedConnections has each of two connections ask in turn. When they share connections, one gets that
// of the other, or a different one each time. Others who use the pooler at the same time may hide it in some rounds.
func refuseSharedConnections(ctx context.Context, conns ...*pgconn.PgConn) error {
	var before [2]uint32
	for round := range 10 {
		var now [2]uint32
		for i, c := range conns {
			var err error
			if now[i], err = backendOf(ctx, c); err != nil {
				return err
			}
		}
		if now[0] == now[1] || round > 0 && now != before {
			return keyporter.Refuse(keyporter.Conflict, sharedConnections)
		}
		before = now
	}
	return nil
}

// fill opens all connections that a node may hold, if they come from a pooler. Otherwise one that has fewer would
// show under load, when one pool waits for connections that idle in another. They stay open for a while.
func (p *pools) fill(ctx context.Context) error {
	if p == nil || !p.pooled {
		return nil
	}
	for _, pool := range []*pgxpool.Pool{p.main, p.lookups, p.beats} {
		for range pool.Config().MaxConns {
			conn, err := acquire(ctx, pool)
			if err != nil {
				return explainTooFew(err, p.main.Config())
			}
			defer conn.Release()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, poolerTime)
	defer cancel()
	listening, err := pgx.ConnectConfig(ctx, p.main.Config().ConnConfig)
	if err == nil {
		defer func() { _ = listening.Close(ctx) }()
		err = listening.Ping(ctx)
	}
	return explainTooFew(err, p.main.Config())
}

func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, poolerTime)
	defer cancel()
	return pool.Acquire(ctx)
}

// explainTooFew explains that a pooler gave no connection beside those that it had given.
func explainTooFew(err error, cfg *pgxpool.Config) error {
	pg, _ := errors.AsType[*pgconn.PgError](err)
	late := pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded)
	if !late && (pg == nil || pg.Code != "08P01" && pg.Code != "53300") { // PgBouncer's query_wait_timeout and max_client_conn; PostgreSQL's max_connections
		return err
	}
	return &keyporter.Error{Kind: keyporter.Conflict, Message: fmt.Sprintf(tooFewConnections, 2*cfg.MaxConns+2), Err: err}
}

// backendOf returns the process in the server that answers. It prepares no statement, which a pooler
// may look for on another connection.
func backendOf(ctx context.Context, c *pgconn.PgConn) (uint32, error) {
	results, err := c.Exec(ctx, `SELECT pg_backend_pid()`).ReadAll()
	if err != nil {
		return 0, fmt.Errorf("ask who answers: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return 0, errors.New("ask who answers: there is no answer")
	}
	pid, err := strconv.ParseUint(string(results[0].Rows[0][0]), 10, 32)
	return uint32(pid), err
}
