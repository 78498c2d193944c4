package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Limit allows Burst attempts at once, and then one per Every (generic cell rate algorithm).
type Limit struct {
	Burst int
	Every time.Duration
}

// Attempt counts one attempt at what. If the limit is reached, it counts nothing, and the error
// is TooMany with the time until the next attempt is allowed. All nodes share the count, and a
// single statement checks and updates it, so that simultaneous attempts can't slip past.
func (tx *Tx) Attempt(ctx context.Context, what string, limit Limit, now time.Time) error {
	every, at := limit.Every.Milliseconds(), millis(now)
	slack := every * int64(limit.Burst-1)
	n, err := tx.exec(ctx, `
		INSERT INTO attempts (what, next_at) VALUES ($1, CAST($2 AS BIGINT) + CAST($3 AS BIGINT))
		ON CONFLICT (what) DO UPDATE
		SET next_at = CASE WHEN attempts.next_at > $2 THEN attempts.next_at ELSE $2 END + $3
		WHERE attempts.next_at <= $2 + $4`, what, at, every, slack)
	if err != nil {
		return fmt.Errorf("count attempt: %w", explain(err))
	}
	if n > 0 {
		return nil
	}
	next, err := one(ctx, tx.q, scanInt64, `SELECT next_at FROM attempts WHERE what = $1`, what)
	if err != nil {
		return err
	}
	wait := time.Duration(next-slack-at) * time.Millisecond
	return &keyporter.Error{Kind: keyporter.TooMany, Message: "Too many attempts. Try again later.", RetryAfter: wait}
}

// ForgetAttempts clears the count of what, for example after a success.
func (tx *Tx) ForgetAttempts(ctx context.Context, what string) error {
	_, err := tx.exec(ctx, `DELETE FROM attempts WHERE what = $1`, what)
	return explain(err)
}

func scanInt64(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}
