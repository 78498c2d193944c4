package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// UseProof notes that an app or a key used a proof or an assertion of that name, which has
// to be remembered for lifetime. The second time, on whichever node, it is a Conflict.
func (g *Grants) UseProof(ctx context.Context, who, name string, lifetime time.Duration) error {
	hash := keyporter.HashSecret(who + "\x00" + name)
	return g.db.Do(ctx, func(tx *store.Tx) error {
		fresh, err := tx.UseProof(ctx, hash, g.now().Add(lifetime))
		if err == nil && !fresh {
			err = keyporter.Refuse(keyporter.Conflict, "This was used already.")
		}
		return err
	})
}
