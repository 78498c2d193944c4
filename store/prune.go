package store

import (
	"context"
	"time"
)

// keepHours is for how long counts by the hour are kept. Pages look back 30 days.
const keepHours = 35 * 24 * time.Hour

// Prune deletes what has ended by itself: sessions, attempts, links, what apps were granted, and old counts.
func (tx *Tx) Prune(ctx context.Context, now time.Time) error {
	for query, before := range map[string]time.Time{
		`DELETE FROM sessions WHERE expires_at <= $1`:                                              now,
		`DELETE FROM setup_links WHERE expires_at <= $1`:                                           now,
		`DELETE FROM attempts WHERE next_at <= $1`:                                                 now,
		`DELETE FROM authorizations WHERE expires_at <= $1`:                                        now,
		`DELETE FROM access_tokens WHERE expires_at <= $1`:                                         now,
		`DELETE FROM refresh_tokens WHERE expires_at <= $1`:                                        now,
		`DELETE FROM proofs WHERE expires_at <= $1`:                                                now,
		`DELETE FROM grants WHERE ends_at <= $1`:                                                   now,
		`DELETE FROM grants WHERE code IS NOT NULL AND code_used_at = 0 AND code_expires_at <= $1`: now,
		`DELETE FROM credential_hours WHERE hour < $1`:                                             now.Add(-keepHours),
	} {
		if _, err := tx.exec(ctx, query, millis(before)); err != nil {
			return explain(err)
		}
	}
	return nil
}
