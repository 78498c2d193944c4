package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// Limit allows Burst attempts at once, and then one per Every (generic cell rate algorithm).
type Limit struct {
	Burst int
	Every time.Duration
}

// Attempt is something that may be tried only so often.
type Attempt struct {
	What  string
	Limit Limit
}

// Attempt counts one attempt at each of these. If a limit is reached, it counts nothing, and the error
// is TooMany with the time until the next attempt is allowed; until then, this node refuses
// attempts without asking the database again, so that a flood of them costs others nothing. All
// nodes share the count.
func (db *DB) Attempt(ctx context.Context, now time.Time, all ...Attempt) error {
	return db.AttemptThen(ctx, now, func(*Tx) error { return nil }, all...)
}

// AttemptThen is Attempt, and runs then in the same transaction, unless a limit is reached.
func (db *DB) AttemptThen(ctx context.Context, now time.Time, then func(*Tx) error, all ...Attempt) error {
	for _, a := range all {
		if wait := db.limits.wait(a.What, now); wait > 0 {
			return tooMany(wait)
		}
	}
	var reached string
	err := db.Do(ctx, func(tx *Tx) error {
		reached = ""
		for _, a := range all {
			if err := tx.attempt(ctx, a, now); err != nil {
				reached = a.What
				return err
			}
		}
		return then(tx)
	})
	if e, ok := err.(*keyporter.Error); ok && e.Kind == keyporter.TooMany && reached != "" { //nolint:errorlint // Do doesn't wrap it
		db.limits.add(reached, now.Add(e.RetryAfter), now)
	}
	return err
}

// attempt is Attempt in a transaction. A single statement checks the count and updates it, so that
// simultaneous attempts can't slip past.
func (tx *Tx) attempt(ctx context.Context, a Attempt, now time.Time) error {
	every, at := a.Limit.Every.Milliseconds(), millis(now)
	slack := every * int64(a.Limit.Burst-1)
	n, err := tx.exec(ctx, `
		INSERT INTO attempts (what, next_at) VALUES ($1, CAST($2 AS BIGINT) + CAST($3 AS BIGINT))
		ON CONFLICT (what) DO UPDATE
		SET next_at = CASE WHEN attempts.next_at > $2 THEN attempts.next_at ELSE $2 END + $3
		WHERE attempts.next_at <= $2 + $4`, a.What, at, every, slack)
	if err != nil {
		return fmt.Errorf("count attempt: %w", explain(err))
	}
	if n > 0 {
		return nil
	}
	next, err := one(ctx, tx.q, scanInt64, `SELECT next_at FROM attempts WHERE what = $1`, a.What)
	if err != nil {
		return err
	}
	return tooMany(time.Duration(next-slack-at) * time.Millisecond)
}

func tooMany(wait time.Duration) error {
	return &keyporter.Error{Kind: keyporter.TooMany, Message: "Too many attempts.", RetryAfter: wait}
}

// ForgetAttempts clears the count of what, for example after a success.
func (tx *Tx) ForgetAttempts(ctx context.Context, what string) error {
	tx.limits.forget(what)
	_, err := tx.exec(ctx, `DELETE FROM attempts WHERE what = $1`, what)
	return explain(err)
}

// reachedLimits remembers which limits are reached, and until when.
type reachedLimits struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// maxReached is how many limits are remembered. That only saves queries: the database decides.
const maxReached = 10_000

// wait returns how long attempts at what are refused for; 0 or less: no longer.
func (r *reachedLimits) wait(what string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[what]
	if !ok {
		return 0
	}
	return until.Sub(now)
}

func (r *reachedLimits) add(what string, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.until) >= maxReached {
		for w, u := range r.until {
			if !u.After(now) {
				delete(r.until, w)
			}
		}
	}
	if r.until == nil || len(r.until) >= maxReached {
		r.until = map[string]time.Time{}
	}
	r.until[what] = until
}

func (r *reachedLimits) forget(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, what)
}

func scanInt64(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}
