package control

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// UseProof notes that somebody showed a proof or an assertion of that name, which counts
// until expires. The second time, on whichever node, it is a Conflict.
func (c *Control) UseProof(ctx context.Context, who, name string, lifetime time.Duration) error {
	hash := keyporter.HashSecret(who + "\x00" + name)
	return c.db.Do(ctx, func(tx *store.Tx) error {
		fresh, err := tx.UseProof(ctx, hash, c.now().Add(lifetime))
		if err == nil && !fresh {
			err = keyporter.Refuse(keyporter.Conflict, "This was used already.")
		}
		return err
	})
}
