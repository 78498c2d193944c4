package store

import (
	"context"

	"github.com/keyporter/keyporter"
)

// HasUsers reports whether an organization has at least n users, and HasApps whether it, or the instance
// if organization is empty, has at least n apps. HasOrganizations asks that about the instance.
func (tx *Tx) HasUsers(ctx context.Context, organization keyporter.ID, n int) (bool, error) {
	return tx.atLeast(ctx, `SELECT count(*) FROM (SELECT 1 FROM users WHERE organization_id = $2 LIMIT $1) AS found`, n, organization)
}

// HasApps is described at HasUsers. Apps that registered themselves don't count, see Prune.
func (tx *Tx) HasApps(ctx context.Context, organization keyporter.ID, n int) (bool, error) {
	return tx.atLeast(ctx, `SELECT count(*) FROM (SELECT 1 FROM apps WHERE (organization_id = $2 OR $2 = '' AND organization_id IS NULL) AND NOT dynamic LIMIT $1) AS found`, n, organization)
}

// HasOrganizations is described at HasUsers.
func (tx *Tx) HasOrganizations(ctx context.Context, n int) (bool, error) {
	return tx.atLeast(ctx, `SELECT count(*) FROM (SELECT 1 FROM organizations LIMIT $1) AS found`, n)
}

func (tx *Tx) atLeast(ctx context.Context, query string, n int, more ...any) (bool, error) {
	found, err := one(ctx, tx.q, scanInt, query, append([]any{n}, more...)...)
	return found >= n, err
}

// EndOldestSessions ends all sessions of a user but the latest n.
func (tx *Tx) EndOldestSessions(ctx context.Context, user keyporter.ID, n int) error {
	_, err := tx.exec(ctx, `
		DELETE FROM sessions WHERE user_id = $1 AND hash NOT IN (
			SELECT hash FROM sessions WHERE user_id = $1 ORDER BY expires_at DESC, hash LIMIT $2)`, user, n)
	return explain(err)
}
