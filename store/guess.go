package store

import (
	"context"
	"fmt"
	"time"
)

// keepGuesses is how long guesses are kept after the last one. It is the same for logins that don't
// exist, so that nobody can tell them apart.
const keepGuesses = 90 * 24 * time.Hour

// Guess counts one more password that may be wrong, and returns how many there were in a row. A
// single statement does both, so that simultaneous guesses can't slip past a limit.
func (tx *Tx) Guess(ctx context.Context, what string, now time.Time) (inARow int, err error) {
	inARow, err = one(ctx, tx.q, scanInt, `
		INSERT INTO guesses (what, n, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (what) DO UPDATE SET n = guesses.n + 1, last_at = $2
		RETURNING n`, what, millis(now))
	if err != nil {
		return 0, fmt.Errorf("count guess: %w", err)
	}
	return inARow, nil
}

// ForgetGuesses forgets the guesses at what after the right password, or what stands for it, and
// returns how many there were.
func (tx *Tx) ForgetGuesses(ctx context.Context, what string) (inARow int, err error) {
	all, err := list(ctx, tx.q, scanInt, `DELETE FROM guesses WHERE what = $1 RETURNING n`, what)
	for _, n := range all {
		inARow = n
	}
	return inARow, err
}
