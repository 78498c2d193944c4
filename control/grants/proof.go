package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// UseProof records that the proof or assertion with this hash was used. The second time, on any
// node, the error is a Conflict. Nobody accepts it after expires, so the record ends then.
func (g *Grants) UseProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		fresh, err := tx.UseProof(ctx, hash, expires)
		if err == nil && !fresh {
			err = keyporter.Refuse(keyporter.Conflict, "This was used already.")
		}
		return err
	})
}
