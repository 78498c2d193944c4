package store

import (
	"context"
	"time"
)

// keepHours is how long hourly counts are kept. Pages look back 30 days.
const keepHours = 35 * 24 * time.Hour

// keepQuarantined is how long an app that registered itself waits for approval.
const keepQuarantined = 30 * 24 * time.Hour

// keepExpired is how long an expired access token is kept, so that its holder learns that it
// has expired instead of that it is unknown.
const keepExpired = 24 * time.Hour

// Prune deletes what has expired: sessions, attempts, links, old counts, and the codes and tokens
// of apps.
func (tx *Tx) Prune(ctx context.Context, now time.Time) error {
	for _, p := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM sessions WHERE expires_at <= $1`, now},
		{`DELETE FROM setup_links WHERE expires_at <= $1`, now},
		{`DELETE FROM attempts WHERE next_at <= $1`, now},
		{`DELETE FROM guesses WHERE last_at <= $1`, now.Add(-keepGuesses)},
		{`DELETE FROM credential_hours WHERE hour < $1`, now.Add(-keepHours)},
		{`DELETE FROM authorizations WHERE expires_at <= $1`, now},
		{`DELETE FROM proofs WHERE expires_at <= $1`, now},
		{`DELETE FROM access_tokens WHERE expires_at <= $1`, now.Add(-keepExpired)},
		{`DELETE FROM refresh_tokens WHERE expires_at <= $1`, now},
		// Delete a grant once it has no tokens left and can't get any more.
		{`DELETE FROM grants
			WHERE ends_at <= $1 AND code_expires_at <= $1 AND device_expires_at <= $1 AND created_at <= $1
				AND NOT EXISTS (SELECT 1 FROM access_tokens t WHERE t.grant_id = grants.id)
				AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id)`, now.Add(-keepExpired)},
		{`DELETE FROM apps WHERE dynamic AND state = 'quarantined' AND created_at <= $1`, now.Add(-keepQuarantined)},
		{`DELETE FROM grants WHERE code IS NOT NULL AND code_used_at = 0 AND code_expires_at <= $1`, now},
	} {
		if _, err := tx.exec(ctx, p.query, millis(p.before)); err != nil {
			return explain(err)
		}
	}
	return nil
}
