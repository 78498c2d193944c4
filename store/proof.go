package store

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// InsertProof notes that a proof or an assertion was shown. One that was shown before is
// a Conflict, on whichever node that was.
func (tx *Tx) InsertProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO proofs (hash, expires_at) VALUES ($1, $2)`, hash[:], millis(expires))
	return explain(err)
}
