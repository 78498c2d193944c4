package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/keyporter/keyporter"
)

const sharedConnections = "A connection pooler is in front of PostgreSQL, and it doesn't give a client one connection for its whole session. " +
	"Keyporter couldn't hear changes from other nodes. In PgBouncer, set pool_mode=session for this database, or use the address of PostgreSQL itself."

// refuseSharedConnections returns an error if a pooler is in between that pools by transaction or by
// statement. It must run before anything listens, because PgBouncer 1.18 crashes when a notification
// comes for a client that has left.
func refuseSharedConnections(ctx context.Context, cfg *pgconn.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var conns [2]*pgconn.PgConn
	for i := range conns {
		c, err := pgconn.ConnectConfig(ctx, cfg)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close(ctx) }()
		conns[i] = c
		pid, err := backendOf(ctx, c)
		if err == nil && pid == c.PID() {
			return nil // what we talk to is the server itself
		}
		if err != nil {
			return err
		}
	}
	// Each asks in turn. When they share connections, one gets that of the other, or a different one each
	// time. Others who use the pooler at the same time may hide it in some rounds.
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
