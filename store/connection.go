package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

const selectConnection = `
	SELECT c.id, c.user_id, c.organization_id, c.app_id, c.scopes, c.created_at, c.address, c.agent, c.replayed_at FROM connections c`

// PutConnection writes a connection. Where the user has one with the app already, that one
// gets the scopes of the new one and keeps its ID. It returns the connection as it is then.
func (tx *Tx) PutConnection(ctx context.Context, c keyporter.Connection) (keyporter.Connection, error) {
	return one(ctx, tx.q, scanConnection, `
		INSERT INTO connections (id, user_id, organization_id, app_id, scopes, created_at, address, agent, replayed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
		ON CONFLICT (user_id, app_id) DO UPDATE SET scopes = excluded.scopes, replayed_at = 0
		RETURNING id, user_id, organization_id, app_id, scopes, created_at, address, agent, replayed_at`,
		c.ID, c.UserID, c.OrganizationID, c.AppID, strings.Join(c.Scopes, " "), millis(c.CreatedAt), c.Address, c.Agent)
}

// SetConnectionScopes sets what a connection permits.
func (tx *Tx) SetConnectionScopes(ctx context.Context, id keyporter.ID, scopes []string) error {
	return tx.must(ctx, `UPDATE connections SET scopes = $2 WHERE id = $1`, id, strings.Join(scopes, " "))
}

// SetConnectionReplayed notes that a refresh token that was used up was shown again.
func (tx *Tx) SetConnectionReplayed(ctx context.Context, id keyporter.ID, at time.Time) error {
	return tx.must(ctx, `UPDATE connections SET replayed_at = $2 WHERE id = $1`, id, millis(at))
}

// DeleteConnection deletes a connection with its codes, its tokens and its counts.
func (tx *Tx) DeleteConnection(ctx context.Context, id keyporter.ID) error {
	if err := tx.forgetUses(ctx, id); err != nil {
		return err
	}
	return tx.must(ctx, `DELETE FROM connections WHERE id = $1`, id)
}

// ConnectionByID returns a connection.
func (q queries) ConnectionByID(ctx context.Context, id keyporter.ID) (keyporter.Connection, error) {
	c, err := one(ctx, q.q, scanConnection, selectConnection+` WHERE c.id = $1`, id)
	if err != nil {
		return c, fmt.Errorf("find connection: %w", err)
	}
	return c, nil
}

// ConnectionOf returns the connection of a user with an app.
func (q queries) ConnectionOf(ctx context.Context, user, app keyporter.ID) (keyporter.Connection, error) {
	c, err := one(ctx, q.q, scanConnection, selectConnection+` WHERE c.user_id = $1 AND c.app_id = $2`, user, app)
	if err != nil {
		return c, fmt.Errorf("find connection: %w", err)
	}
	return c, nil
}

// ConnectionsOf returns the connections of a user, the latest first: up to limit, older
// than the connection before (empty: from the latest).
func (q queries) ConnectionsOf(ctx context.Context, user, before keyporter.ID, limit int) ([]keyporter.Connection, error) {
	return list(ctx, q.q, scanConnection, selectConnection+`
		WHERE c.user_id = $1 AND ($2 = '' OR c.id < $2) ORDER BY c.id DESC LIMIT $3`, user, before, limit)
}

// ConnectionsIn returns the connections of all users of an organization, as ConnectionsOf does.
func (q queries) ConnectionsIn(ctx context.Context, organization, before keyporter.ID, limit int) ([]keyporter.Connection, error) {
	return list(ctx, q.q, scanConnection, selectConnection+`
		WHERE c.organization_id = $1 AND ($2 = '' OR c.id < $2) ORDER BY c.id DESC LIMIT $3`, organization, before, limit)
}

func scanConnection(row scanner) (c keyporter.Connection, err error) {
	var scopes string
	var created, replayed int64
	err = row.Scan(&c.ID, &c.UserID, &c.OrganizationID, &c.AppID, &scopes, &created, &c.Address, &c.Agent, &replayed)
	c.Scopes, c.CreatedAt, c.ReplayedAt = strings.Fields(scopes), fromMillis(created), fromMillis(replayed)
	return c, err
}

// CountConnections returns with how many users an app is connected.
func (q queries) CountConnections(ctx context.Context, app keyporter.ID) (int, error) {
	return one(ctx, q.q, scanInt, `SELECT count(*) FROM connections WHERE app_id = $1`, app)
}

// LockConnection has other transactions that lock the connection wait until this one has
// ended, and returns it. Who takes away a scope locks first: else two who each take away
// another one would each write back what the other took.
func (tx *Tx) LockConnection(ctx context.Context, id keyporter.ID) (keyporter.Connection, error) {
	if err := tx.must(ctx, `UPDATE connections SET scopes = scopes WHERE id = $1`, id); err != nil {
		return keyporter.Connection{}, err
	}
	return tx.ConnectionByID(ctx, id)
}
