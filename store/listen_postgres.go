package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyporter/keyporter"
)

// channel is the notification channel. A payload has these words, separated by spaces: the
// sender's node, and then the name and IDs of a Change, or "beat" and the time it was sent, or
// "many" and the IDs of the first and the last event.
const channel = "keyporter"

const (
	beatName  = "beat"
	beatEvery = time.Second
)

// name returns what distinguishes this node's notifications from those of others.
func (db *DB) name() string { return *db.node.Load() }

// rename gives this node another name, so that it hears what it has sent so far as if another node had.
// A change of its own that may have been committed may also be committed later. Only the notification
// will say so, and until then, its followers may read again what is there now.
func (db *DB) rename() {
	name := string(keyporter.NewID(time.Now()))
	db.node.Store(&name)
}

// notifyMany makes PostgreSQL notify the other nodes, when the transaction commits, that too
// much changed to list. A few changes are notified one by one, see InsertEvent.
func (db *DB) notifyMany(ctx context.Context, tx *Tx) error {
	if tx.node == "" || !tx.many() {
		return nil
	}
	// Nodes of an older release reset their followers.
	first, last := spanOf(tx.news)
	if _, err := tx.exec(ctx, `SELECT pg_notify($1, $2)`, channel, fmt.Sprintf("%s many %s %s", tx.node, first, last)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// payload returns a change in the form in which other nodes are notified of it.
func (c Change) payload(node string) string {
	return fmt.Sprintf("%s %s %s %s %s %s %s", node, c.Name,
		orDash(c.OrganizationID), orDash(c.UserID), orDash(c.TokenID), orDash(c.AppID), orDash(c.ConnectionID))
}

func orDash(id keyporter.ID) keyporter.ID {
	if id == "" {
		return "-"
	}
	return id
}

// listenPostgres keeps one connection that listens, and replaces it when it breaks.
func (db *DB) listenPostgres(ctx context.Context) {
	wait := time.Duration(0)
	for ctx.Err() == nil {
		err := db.listenOnce(ctx, func() { wait = 0 })
		db.deaf()
		if ctx.Err() != nil {
			return
		}
		db.log.Warn("can't hear changes from other nodes; asking the database on every call until that works again", "error", err)
		wait = min(wait*2+50*time.Millisecond, time.Second)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// listenOnce listens until the connection breaks or goes silent. It should never be silent,
// because each node sends a heartbeat through the database every second and hears its own.
func (db *DB) listenOnce(ctx context.Context, connected func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := db.listeningConn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Nobody will notify us of what was committed before LISTEN took effect, so reset.
	db.reset()
	connected()
	go db.beat(ctx)
	last := time.Now()
	for {
		wait, cancelWait := context.WithDeadline(ctx, last.Add(Silence))
		n, err := conn.WaitForNotification(wait)
		cancelWait()
		if err != nil {
			return fmt.Errorf("wait for notifications: %w", err)
		}
		if sent, ok := db.hear(ctx, n.Payload); ok {
			last = sent
			db.heard(sent)
		}
	}
}

func (db *DB) listeningConn(ctx context.Context) (*pgx.Conn, error) {
	timeout, cancel := context.WithTimeout(ctx, Silence)
	defer cancel()
	conn, err := pgx.ConnectConfig(timeout, db.pools.main.Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connect to listen: %w", err)
	}
	if _, err := conn.Exec(timeout, `LISTEN `+channel); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(timeout))
	}
	return conn, nil
}

// beat sends heartbeats until ctx ends. Notifications arrive in commit order: a node that hears
// its own heartbeat has heard everything that was committed before it was sent.
func (db *DB) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		timeout, cancel := context.WithTimeout(ctx, beatEvery)
		_, err := db.pools.beats.Exec(timeout, `SELECT pg_notify($1, $2)`, channel,
			fmt.Sprintf("%s %s %d", db.name(), beatName, time.Since(db.start)))
		cancel()
		if err != nil && ctx.Err() == nil {
			db.log.Warn("can't send a heartbeat through the database", "error", explain(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// hear processes one payload. For this node's own heartbeat, it returns the time it was sent.
func (db *DB) hear(ctx context.Context, payload string) (sent time.Time, beat bool) {
	f := strings.Split(payload, " ")
	switch {
	case len(f) == 3 && f[1] == beatName:
		n, err := strconv.ParseInt(f[2], 10, 64)
		return db.start.Add(time.Duration(n)), err == nil && f[0] == db.name()
	case len(f) != 3 && f[0] == db.name():
		// Do has already reported it.
	case len(f) == 7:
		id := func(s string) keyporter.ID { return keyporter.ID(strings.TrimPrefix(s, "-")) }
		db.notify([]Change{{
			Name: keyporter.EventName(f[1]), OrganizationID: id(f[2]), UserID: id(f[3]), TokenID: id(f[4]), AppID: id(f[5]), ConnectionID: id(f[6]),
		}})
	case len(f) == 4 && f[1] == "many":
		db.orReset(db.notifyLogged(ctx, keyporter.ID(f[2]), keyporter.ID(f[3])))
	case len(f) == 2 && f[1] == "many": // from a node of an older release
		db.reset()
	default:
		// A newer node may send payloads that this one doesn't know.
		db.orReset(db.notifyRecent(ctx))
	}
	return time.Time{}, false
}
