package grants

import (
	"context"
	"time"

	"github.com/keyporter/keyporter/store"
)

// SigningKey is a key that signs ID tokens and JWTs.
type SigningKey struct {
	ID        string // kid
	Algorithm string
	Key       []byte // the private key, in the door's encoding
	CreatedAt time.Time
}

func signingPurpose(id string) string { return store.ForSigningKey + id }

// SigningKeys returns all signing keys, the oldest first.
func (g *Grants) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	rows, err := g.db.SigningKeys(ctx)
	keys := make([]SigningKey, len(rows))
	for i, r := range rows {
		plain, err := g.sealer.Open(signingPurpose(r.ID), r.Key)
		if err != nil {
			return nil, err
		}
		keys[i] = SigningKey{ID: r.ID, Algorithm: r.Algorithm, Key: plain, CreatedAt: r.CreatedAt}
	}
	return keys, err
}

// AddSigningKey stores a new key. If another node was first to add one with this ID, that one stays.
func (g *Grants) AddSigningKey(ctx context.Context, k SigningKey) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		_, err := tx.InsertSigningKey(ctx, store.SigningKey{ID: k.ID, Algorithm: k.Algorithm, Key: g.sealer.Seal(signingPurpose(k.ID), k.Key), CreatedAt: k.CreatedAt})
		return err
	})
}

// DeleteSigningKey deletes a key. Everything it signed must have expired.
func (g *Grants) DeleteSigningKey(ctx context.Context, id string) error {
	return g.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteSigningKey(ctx, id) })
}
