package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// UseProof notes that a proof or an assertion of that hash was used, which nobody believes
// any more after expires. The second time, on whichever node, it is a Conflict.
func (g *Grants) UseProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		fresh, err := tx.UseProof(ctx, hash, expires)
		if err == nil && !fresh {
			err = keyporter.Refuse(keyporter.Conflict, "This was used already.")
		}
		return err
	})
}
