package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Opener is what opened a session: an identity provider as it was at that time, or a password.
type Opener struct {
	ProviderID       keyporter.ID // empty: a password
	Issuer, ClientID string       // of the provider
}

// byPassword is stored instead of the ID of a provider.
const byPassword = "password"

// Session is a signed-in browser.
type Session struct {
	UserID    keyporter.ID
	Opener    Opener // written only
	Over      bool   // read only: what opened it no longer lets people in
	Address   string
	Agent     string
	CreatedAt time.Time // when the user proved who they are; zero: unknown
	SeenAt    time.Time
	ExpiresAt time.Time
}

// InsertSession writes a new session under the hash of its cookie.
func (tx *Tx) InsertSession(ctx context.Context, hash keyporter.SecretHash, s Session) error {
	by := s.Opener
	if by.ProviderID == "" {
		by.ProviderID = byPassword
	}
	_, err := tx.exec(ctx, `
		INSERT INTO sessions (hash, user_id, address, agent, created_at, seen_at, expires_at, opened_by, issuer, client_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		hash[:], s.UserID, s.Address, s.Agent, millis(s.CreatedAt), millis(s.SeenAt), millis(s.ExpiresAt), by.ProviderID, by.Issuer, by.ClientID)
	if err != nil {
		return fmt.Errorf("insert session: %w", explain(err))
	}
	return nil
}

// What opened a session no longer lets people in. $1 is byPassword.
const (
	sessionOver = `NOT CASE s.opened_by
			WHEN $1 THEN o.passwords
			WHEN '' THEN p.id IS NULL
			ELSE coalesce(p.id = s.opened_by AND p.issuer = s.issuer AND p.client_id = s.client_id, FALSE)
		END`
	sessionsWithOpeners = `sessions s JOIN users u ON u.id = s.user_id JOIN organizations o ON o.id = u.organization_id
		LEFT JOIN identity_providers p ON p.organization_id = o.id`
)

// SessionByHash returns a session, even one that has expired or is over. One of an earlier release
// stays open only if it must have been opened with a password, because there is no provider.
func (q queries) SessionByHash(ctx context.Context, hash keyporter.SecretHash) (Session, error) {
	return one(ctx, q.q, scanSession, `
		SELECT s.user_id, s.address, s.agent, s.created_at, s.seen_at, s.expires_at, `+sessionOver+`
		FROM `+sessionsWithOpeners+` WHERE s.hash = $2`, byPassword, hash[:])
}

// DeleteSessionsOver ends the sessions of an organization's users that are over, so that none comes back
// when what opened it lets people in again.
func (tx *Tx) DeleteSessionsOver(ctx context.Context, organization keyporter.ID) error {
	_, err := tx.exec(ctx, `
		DELETE FROM sessions WHERE hash IN (
			SELECT s.hash FROM `+sessionsWithOpeners+` WHERE o.id = $2 AND `+sessionOver+`)`, byPassword, organization)
	return explain(err)
}

// TouchSession records that a session was used.
func (tx *Tx) TouchSession(ctx context.Context, hash keyporter.SecretHash, at time.Time) error {
	_, err := tx.exec(ctx, `UPDATE sessions SET seen_at = $2 WHERE hash = $1`, hash[:], millis(at))
	return explain(err)
}

// DeleteSession ends a session, and reports whether there was one.
func (tx *Tx) DeleteSession(ctx context.Context, hash keyporter.SecretHash) (ended bool, err error) {
	n, err := tx.exec(ctx, `DELETE FROM sessions WHERE hash = $1`, hash[:])
	return n > 0, explain(err)
}

// DeleteSessionsOf ends every session of a user.
func (tx *Tx) DeleteSessionsOf(ctx context.Context, user keyporter.ID) error {
	_, err := tx.exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, user)
	return explain(err)
}

func scanSession(row scanner) (s Session, err error) {
	var created, seen, expires int64
	err = row.Scan(&s.UserID, &s.Address, &s.Agent, &created, &seen, &expires, &s.Over)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = fromMillis(created), fromMillis(seen), fromMillis(expires)
	return s, err
}
