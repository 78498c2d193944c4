package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// keepHours is how long hourly counts are kept. Pages look back 30 days.
const keepHours = 35 * 24 * time.Hour

// keepQuarantined is how long an app that registered itself waits for approval.
const keepQuarantined = 30 * 24 * time.Hour

// keepExpired is how long an expired access token is kept, so that its holder learns that it
// has expired instead of that it is unknown.
const keepExpired = 24 * time.Hour

// pruneRows is how many rows one transaction deletes: the writer of SQLite is free again after some
// milliseconds, and nobody waits for longer.
const pruneRows = 500

// Prune deletes what has expired: sessions, attempts, links, old counts, the codes and tokens of apps, apps
// that nobody approved, deleted tokens that can't be restored anymore, and what else has ended by then. It does so in small transactions, and leaves what it hasn't reached when ctx ends for the next time.
func (db *DB) Prune(ctx context.Context, now time.Time) error {
	for _, e := range expiring(now) {
		for n := int64(pruneRows); n == pruneRows; {
			err := db.Do(ctx, func(tx *Tx) (err error) {
				n, err = tx.exec(ctx, e.deletion(), millis(e.before), pruneRows)
				return err
			})
			if err != nil {
				return fmt.Errorf("delete what has expired from %s: %w", e.table, err)
			}
		}
	}
	if err := db.pruneApps(ctx, now); err != nil {
		return fmt.Errorf("delete apps that nobody approved: %w", err)
	}
	if err := db.pruneDeletedTokens(ctx, now); err != nil {
		return err
	}
	if err := db.pruneEnded(ctx, now); err != nil {
		return err
	}
	return db.renewRoleSets(ctx) // the previous release may still be running on other nodes
}

const selectQuarantined = `SELECT id FROM apps WHERE dynamic AND state = 'quarantined' AND created_at <= $1 ORDER BY created_at, id LIMIT $2`

// pruneApps deletes apps that have waited too long for approval. Some have been used, and have changed since.
func (db *DB) pruneApps(ctx context.Context, now time.Time) error {
	for n := pruneRows; n == pruneRows; {
		err := db.Do(ctx, func(tx *Tx) (err error) {
			n, err = tx.deleteApps(ctx, now, selectQuarantined, millis(now.Add(-keepQuarantined)), pruneRows)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expiry is what has expired in a table.
type expiry struct {
	table, key, expired, order string
	before                     time.Time
}

// deletion deletes some of it. It says twice what has expired, because PostgreSQL looks again at the outer condition of a row that
// was changed meanwhile, and not at the inner one.
func (e expiry) deletion() string {
	return `DELETE FROM ` + e.table + ` WHERE ` + e.key + ` IN
		(SELECT ` + strings.Trim(e.key, "()") + ` FROM ` + e.table + ` WHERE ` + e.expired + ` ORDER BY ` + e.order + ` LIMIT $2)
		AND ` + e.expired
}

func expiring(now time.Time) []expiry {
	return []expiry{
		{"sessions", "hash", "expires_at <= $1", "expires_at", now},
		{"setup_links", "hash", "expires_at <= $1", "expires_at", now},
		{"attempts", "what", "next_at <= $1", "next_at", now},
		{"guesses", "what", "last_at <= $1", "last_at", now.Add(-keepGuesses)},
		{"credential_hours", "(credential_id, hour)", "hour < $1", "hour", now.Add(-keepHours)},
		{"credential_days", "(credential_id, day, agent)", "day < $1", "day", now.Add(-keepDays)},
		{"credential_routes", "(credential_id, day, version, method, route)", "day < $1", "day", now.Add(-keepDays)},
		{"credential_calls", "credential_id", "last_at < $1", "last_at", now.Add(-keepDays)},
		{"authorizations", "id", "expires_at <= $1", "expires_at", now},
		{"proofs", "hash", "expires_at <= $1", "expires_at", now},
		{"access_tokens", "hash", "expires_at <= $1", "expires_at", now.Add(-keepExpired)},
		{"refresh_tokens", "hash", "expires_at <= $1", "expires_at", now},
		// Delete a grant once it has no tokens left and can't get any more.
		{"grants", "id", `ends_at <= $1 AND code_expires_at <= $1 AND device_expires_at <= $1 AND created_at <= $1
				AND NOT EXISTS (SELECT 1 FROM access_tokens t WHERE t.grant_id = grants.id)
				AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id)`, "ends_at", now.Add(-keepExpired)},
		{"grants", "id", "code IS NOT NULL AND code_used_at = 0 AND code_expires_at <= $1", "code_expires_at", now},
	}
}
