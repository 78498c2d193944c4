package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// UseProof records that a proof or assertion was presented, and reports whether this was the
// first time on any node. hash identifies the presenter and the jti. The record is deleted
// after expires, when nobody accepts the proof anymore anyway.
func (tx *Tx) UseProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) (fresh bool, err error) {
	return useProof(ctx, tx.q, hash, expires)
}

func useProof(ctx context.Context, q querier, hash keyporter.SecretHash, expires time.Time) (fresh bool, err error) {
	res, err := q.ExecContext(ctx, `
		INSERT INTO proofs (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash[:], millis(expires))
	if err != nil {
		return false, fmt.Errorf("use proof: %w", explain(err))
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
