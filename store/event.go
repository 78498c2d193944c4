package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/keyporter/keyporter"
)

// InsertEvent writes an event. Once the transaction is committed, followers on every node hear
// about it. If its actor makes too many changes, the error is TooMany.
func (tx *Tx) InsertEvent(ctx context.Context, e keyporter.Event) error {
	if err := tx.countChange(ctx, e); err != nil {
		return err
	}
	return tx.insertEvent(ctx, e)
}

// InsertEvents writes the events of one change to many things. They count as one change, see ManyLimit.
func (tx *Tx) InsertEvents(ctx context.Context, events []keyporter.Event) error {
	if len(events) > 0 {
		if err := tx.countMany(ctx, events[0]); err != nil {
			return err
		}
	}
	for _, e := range events {
		if err := tx.insertEvent(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) insertEvent(ctx context.Context, e keyporter.Event) error {
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("write the detail of %s: %w", e.Name, err)
	}
	c := Change{
		EventID: e.ID, Name: e.Name, OrganizationID: e.OrganizationID, UserID: e.UserID, TokenID: e.TokenID, AppID: e.AppID, ConnectionID: e.ConnectionID,
	}
	query, args := insertEventText, []any{
		e.ID, millis(e.At), e.Name, e.OrganizationID, e.UserID, e.TokenID, e.AppID, e.ConnectionID,
		e.Actor.Kind, e.Actor.User.ID, e.Actor.User.Login, e.Actor.Address, e.Actor.RequestID, string(detail),
	}
	if tx.node != "" && !tx.many() { // the same statement notifies the other nodes, when the transaction commits
		query, args = `WITH event AS (`+insertEventText+`) SELECT pg_notify($15, $16)`, append(args, channel, c.payload(tx.node))
	}
	if _, err := tx.exec(ctx, query, args...); err != nil {
		return fmt.Errorf("insert event: %w", err)
	}
	c.Secret = tx.issued[e.TokenID]
	tx.news = append(tx.news, c)
	return nil
}

const insertEventText = `
	INSERT INTO events (id, at, name, organization_id, user_id, token_id, app_id, connection_id,
		actor_kind, actor_id, actor_login, actor_address, request_id, detail)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

// Events returns the events of an organization, latest first: up to limit, older than the event
// before (empty: start with the latest).
func (q queries) Events(ctx context.Context, organization, before keyporter.ID, limit int) ([]keyporter.Event, error) {
	return list(ctx, q.q, scanEvent, selectEvent+`
		WHERE organization_id = $1 AND ($2 = '' OR id < $2)
		ORDER BY id DESC
		LIMIT $3`, organization, before, limit)
}

const selectEvent = `
	SELECT id, at, name, organization_id, user_id, token_id, app_id, connection_id,
		actor_kind, actor_id, actor_login, actor_address, request_id, detail
	FROM events`

// TokenEvents returns the events of an API token, latest first, up to limit.
func (q queries) TokenEvents(ctx context.Context, token keyporter.ID, limit int) ([]keyporter.Event, error) {
	return list(ctx, q.q, scanEvent, selectEvent+` WHERE token_id = $1 AND token_id <> '' ORDER BY id DESC LIMIT $2`, token, limit)
}

// ConnectionEvents returns the events of a connection, latest first, up to limit. It leaves out the access tokens that the app gets
// all the time.
func (q queries) ConnectionEvents(ctx context.Context, connection keyporter.ID, limit int) ([]keyporter.Event, error) {
	return list(ctx, q.q, scanEvent, selectEvent+`
		WHERE connection_id = $1 AND connection_id <> '' AND name <> 'access_token.create' AND name <> 'access_token.delete'
		ORDER BY id DESC LIMIT $2`, connection, limit)
}

func scanEvent(row scanner) (e keyporter.Event, err error) {
	var at int64
	var detail string
	err = row.Scan(&e.ID, &at, &e.Name, &e.OrganizationID, &e.UserID, &e.TokenID, &e.AppID, &e.ConnectionID,
		&e.Actor.Kind, &e.Actor.User.ID, &e.Actor.User.Login, &e.Actor.Address, &e.Actor.RequestID, &detail)
	if err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	if err := json.Unmarshal([]byte(detail), &e.Detail); err != nil {
		return e, fmt.Errorf("read the detail of event %s: %w", e.ID, err)
	}
	return e, nil
}

// Change is an Event in the form followers see: what changed, but not how.
type Change struct {
	EventID        keyporter.ID
	Name           keyporter.EventName
	OrganizationID keyporter.ID
	UserID         keyporter.ID
	TokenID        keyporter.ID
	AppID          keyporter.ID
	ConnectionID   keyporter.ID

	Secret *keyporter.SecretHash // of a new access token, on the node that wrote it; nil: read it
}

// Follower keeps a copy of some state and must hear when that is out of date.
type Follower interface {
	// Changed reports changes, a page of them at a time. For changes made through this DB, it is called before
	// Do returns. It must not block for long.
	Changed(...Change)
	// Reset reports that anything may have changed.
	Reset()
}

// Follow reports every change to f from now on.
func (db *DB) Follow(f Follower) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.followers = append(db.followers, f)
}

// manyChanges is how many changes of one transaction other nodes hear about one by one. If there
// are more, they read the others in the log of events.
const manyChanges = 100

func (tx *Tx) many() bool { return len(tx.news) > manyChanges }

// changesPage is how many changes followers hear about at once.
const changesPage = 1000

func (db *DB) notify(news []Change) {
	for page := range slices.Chunk(news, changesPage) {
		for _, f := range db.all() {
			f.Changed(page...)
		}
	}
}

func (db *DB) reset() {
	for _, f := range db.all() {
		f.Reset()
	}
}

func (db *DB) all() []Follower {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.followers)
}
