package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// UseProof notes that a proof or an assertion was shown, and tells whether this was the
// first time, on whichever node. hash is of who showed it and of its jti. After expires,
// when nobody would believe it anyway, it is forgotten.
func (tx *Tx) UseProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) (fresh bool, err error) {
	n, err := tx.exec(ctx, `
		INSERT INTO proofs (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash[:], millis(expires))
	if err != nil {
		return false, fmt.Errorf("use proof: %w", explain(err))
	}
	return n > 0, nil
}
