package control

import (
	"context"
	"time"

	"github.com/keyporter/keyporter/store"
)

// SigningKey is a key that signs ID tokens and JWTs.
type SigningKey struct {
	ID        string // kid
	Algorithm string
	Key       []byte // the private key, as the door writes it
	CreatedAt time.Time
}

func signingPurpose(id string) string { return "signing key " + id }

// SigningKeys returns all signing keys, the oldest first.
func (c *Control) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	rows, err := c.db.SigningKeys(ctx)
	keys := make([]SigningKey, len(rows))
	for i, r := range rows {
		plain, err := c.sealer.Open(signingPurpose(r.ID), r.Key)
		if err != nil {
			return nil, err
		}
		keys[i] = SigningKey{ID: r.ID, Algorithm: r.Algorithm, Key: plain, CreatedAt: r.CreatedAt}
	}
	return keys, err
}

// AddSigningKey keeps a new key. When another node was first with one of this ID, that one stands.
func (c *Control) AddSigningKey(ctx context.Context, k SigningKey) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		_, err := tx.InsertSigningKey(ctx, store.SigningKey{ID: k.ID, Algorithm: k.Algorithm, Key: c.sealer.Seal(signingPurpose(k.ID), k.Key), CreatedAt: k.CreatedAt})
		return err
	})
}

// DeleteSigningKey deletes a key by which nothing is signed any more that still counts.
func (c *Control) DeleteSigningKey(ctx context.Context, id string) error {
	return c.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteSigningKey(ctx, id) })
}
