package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Session is a signed-in browser.
type Session struct {
	UserID    keyporter.ID
	Address   string
	Agent     string
	CreatedAt time.Time // when the user proved who they are; zero: unknown
	SeenAt    time.Time
	ExpiresAt time.Time
}

// InsertSession writes a new session under the hash of its cookie.
func (tx *Tx) InsertSession(ctx context.Context, hash keyporter.SecretHash, s Session) error {
	_, err := tx.exec(ctx, `
		INSERT INTO sessions (hash, user_id, address, agent, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hash[:], s.UserID, s.Address, s.Agent, millis(s.CreatedAt), millis(s.SeenAt), millis(s.ExpiresAt))
	if err != nil {
		return fmt.Errorf("insert session: %w", explain(err))
	}
	return nil
}

// SessionByHash returns a session, even one that has expired.
func (q queries) SessionByHash(ctx context.Context, hash keyporter.SecretHash) (Session, error) {
	return one(ctx, q.q, scanSession, `
		SELECT user_id, address, agent, created_at, seen_at, expires_at FROM sessions WHERE hash = $1`, hash[:])
}

// TouchSession records that a session was used.
func (tx *Tx) TouchSession(ctx context.Context, hash keyporter.SecretHash, at time.Time) error {
	_, err := tx.exec(ctx, `UPDATE sessions SET seen_at = $2 WHERE hash = $1`, hash[:], millis(at))
	return explain(err)
}

// DeleteSession ends a session. It is no error if the session has already ended.
func (tx *Tx) DeleteSession(ctx context.Context, hash keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `DELETE FROM sessions WHERE hash = $1`, hash[:])
	return explain(err)
}

// DeleteSessionsOf ends every session of a user.
func (tx *Tx) DeleteSessionsOf(ctx context.Context, user keyporter.ID) error {
	_, err := tx.exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, user)
	return explain(err)
}

func scanSession(row scanner) (s Session, err error) {
	var created, seen, expires int64
	err = row.Scan(&s.UserID, &s.Address, &s.Agent, &created, &seen, &expires)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = fromMillis(created), fromMillis(seen), fromMillis(expires)
	return s, err
}
