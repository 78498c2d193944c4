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

// PutConnection writes a connection and returns it. If the user already has one with the app,
// that one keeps its ID and gets the new scopes.
func (tx *Tx) PutConnection(ctx context.Context, c keyporter.Connection) (keyporter.Connection, error) {
	return one(ctx, tx.q, scanConnection, `
		INSERT INTO connections (id, user_id, organization_id, app_id, scopes, created_at, address, agent, replayed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
		ON CONFLICT (user_id, app_id) DO UPDATE SET scopes = excluded.scopes, replayed_at = 0
		RETURNING id, user_id, organization_id, app_id, scopes, created_at, address, agent, replayed_at`,
		c.ID, c.UserID, c.OrganizationID, c.AppID, strings.Join(c.Scopes, " "), millis(c.CreatedAt), c.Address, c.Agent)
}

// SetConnectionScopes sets the scopes of a connection.
func (tx *Tx) SetConnectionScopes(ctx context.Context, id keyporter.ID, scopes []string) error {
	return tx.execOrNotFound(ctx, `UPDATE connections SET scopes = $2 WHERE id = $1`, id, strings.Join(scopes, " "))
}

// SetConnectionReplayed records that a used refresh token was presented again.
func (tx *Tx) SetConnectionReplayed(ctx context.Context, id keyporter.ID, at time.Time) error {
	return tx.execOrNotFound(ctx, `UPDATE connections SET replayed_at = $2 WHERE id = $1`, id, millis(at))
}

// DeleteConnection deletes a connection with its codes, its tokens and its counts. Its refused calls stay for now, see
// EndedCredential.
func (tx *Tx) DeleteConnection(ctx context.Context, id keyporter.ID, now time.Time) error {
	if err := tx.endConnection(ctx, id, now); err != nil {
		return err
	}
	return tx.forgetCounts(ctx, id)
}

// ConnectionByID returns a connection.
func (q queries) ConnectionByID(ctx context.Context, id keyporter.ID) (keyporter.Connection, error) {
	c, err := one(ctx, q.q, scanConnection, selectConnection+` WHERE c.id = $1`, id)
	if err != nil {
		return c, fmt.Errorf("find connection: %w", err)
	}
	return c, nil
}

// ConnectionsByID returns connections. IDs that no connection has aren't in the map.
func (q queries) ConnectionsByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]keyporter.Connection, error) {
	connections, err := listByID(ctx, q.q, scanConnection, selectConnection+` WHERE c.id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find connections: %w", err)
	}
	return byID(connections, func(c keyporter.Connection) keyporter.ID { return c.ID }), nil
}

// ConnectionOf returns a user's connection with an app.
func (q queries) ConnectionOf(ctx context.Context, user, app keyporter.ID) (keyporter.Connection, error) {
	c, err := one(ctx, q.q, scanConnection, selectConnection+` WHERE c.user_id = $1 AND c.app_id = $2`, user, app)
	if err != nil {
		return c, fmt.Errorf("find connection: %w", err)
	}
	return c, nil
}

// ConnectionList selects connections, latest first.
type ConnectionList struct {
	OrganizationID keyporter.ID // of its users; empty: of UserID
	UserID         keyporter.ID
	Match          string // part of the app's name or, in an organization, of the user's login; empty: any
}

// connectionsByAge is the order of a list of connections.
func connectionsByAge() sorting { return sorting{id: "c.id", descending: true} }

// Connections returns a page of a list of connections.
func (q queries) Connections(ctx context.Context, l ConnectionList, p Page) ([]keyporter.Connection, error) {
	c := l.condition()
	order, limit := connectionsByAge().next(&c, p)
	all, err := list(ctx, q.q, scanConnection, selectConnection+` WHERE `+c.text+order+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return inOrder(all, p), nil
}

// CountListedConnections counts the connections of a list, up to MaxCounted + 1.
func (q queries) CountListedConnections(ctx context.Context, l ConnectionList) (int, error) {
	c := l.condition()
	return one(ctx, q.q, scanInt, `SELECT count(*) FROM (SELECT 1 FROM connections c WHERE `+c.text+limitCounted+`) few`, c.args...)
}

func (l *ConnectionList) condition() (c condition) {
	if l.OrganizationID != "" {
		c.text = "c.organization_id = " + c.arg(l.OrganizationID)
	} else {
		c.text = "c.user_id = " + c.arg(l.UserID)
	}
	if l.Match == "" {
		return c
	}
	all := []string{"EXISTS (SELECT 1 FROM apps a WHERE a.id = c.app_id AND " + c.has("a.name", l.Match) + ")"}
	if l.OrganizationID != "" {
		all = append(all, c.ownerLogin("c.user_id", l.OrganizationID, l.Match))
	}
	c.and(or(all...))
	return c
}

func scanConnection(row scanner) (c keyporter.Connection, err error) {
	var scopes string
	var created, replayed int64
	err = row.Scan(&c.ID, &c.UserID, &c.OrganizationID, &c.AppID, &scopes, &created, &c.Address, &c.Agent, &replayed)
	c.Scopes, c.CreatedAt, c.ReplayedAt = strings.Fields(scopes), fromMillis(created), fromMillis(replayed)
	return c, err
}

// CountConnections returns how many users have connected an app.
func (q queries) CountConnections(ctx context.Context, app keyporter.ID) (int, error) {
	return one(ctx, q.q, scanInt, `SELECT count(*) FROM connections WHERE app_id = $1`, app)
}

// LockConnection returns a connection, and makes other transactions that lock it wait until
// this one ends. Lock a connection before you remove a scope: otherwise two transactions that
// remove different scopes would each write back the scope the other removed.
func (tx *Tx) LockConnection(ctx context.Context, id keyporter.ID) (keyporter.Connection, error) {
	if err := tx.execOrNotFound(ctx, `UPDATE connections SET scopes = scopes WHERE id = $1`, id); err != nil {
		return keyporter.Connection{}, err
	}
	return tx.ConnectionByID(ctx, id)
}
