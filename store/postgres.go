package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// pools are the connections to PostgreSQL. However many requests wait to change something, the node
// must answer calls and know that it hears the others. One more connection listens.
type pools struct {
	pooled  bool // a pooler is in between
	main    *pgxpool.Pool
	lookups *pgxpool.Pool // as many again, for the queries of checks
	beats   *pgxpool.Pool // one, for heartbeats
}

func (db *DB) openPostgres(ctx context.Context, url string) error {
	cfg, err := parsePostgres(url)
	if err != nil {
		return err
	}
	pooled, err := checkPooler(ctx, cfg)
	if err != nil {
		return err
	}
	cfg.AfterConnect = endForgotten
	p := &pools{pooled: pooled}
	if p.main, err = pgxpool.NewWithConfig(ctx, cfg.Copy()); err != nil {
		return err
	}
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	if p.lookups, err = pgxpool.NewWithConfig(ctx, cfg.Copy()); err != nil {
		p.close()
		return err
	}
	cfg.MaxConns = 1
	p.beats, err = pgxpool.NewWithConfig(ctx, cfg)
	if err := errors.Join(err, p.main.Ping(ctx)); err != nil {
		p.close()
		return err
	}
	db.pools = p
	db.write = stdlib.OpenDBFromPool(p.main)
	db.read = db.write
	db.lookup = stdlib.OpenDBFromPool(p.lookups)
	return nil
}

// endForgotten has the server end the transaction of a node that froze or lost its network, with the
// locks that it holds. As a setting in the address, a pooler may refuse it.
func endForgotten(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`SET idle_in_transaction_session_timeout = '%ds'`, 3*int(stepTime.Seconds())))
	return err
}

func (p *pools) close() {
	for _, pool := range []*pgxpool.Pool{p.main, p.lookups, p.beats} {
		if pool != nil {
			pool.Close()
		}
	}
}
