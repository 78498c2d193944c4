package store

import (
	"context"
	"time"
)

// SigningKey is a key that signs ID tokens and JWTs.
type SigningKey struct {
	ID        string // kid
	Algorithm string
	Key       []byte // sealed
	CreatedAt time.Time
}

// InsertSigningKey writes a new key unless one with its ID exists, and reports whether it did. Of
// several nodes that make a key at the same time, one succeeds.
func (tx *Tx) InsertSigningKey(ctx context.Context, k SigningKey) (bool, error) {
	n, err := tx.exec(ctx, `
		INSERT INTO signing_keys (id, algorithm, key, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO NOTHING`, k.ID, k.Algorithm, k.Key, millis(k.CreatedAt))
	return n > 0, explain(err)
}

// DeleteSigningKey deletes a key. It is no error if the key is already gone.
func (tx *Tx) DeleteSigningKey(ctx context.Context, id string) error {
	_, err := tx.exec(ctx, `DELETE FROM signing_keys WHERE id = $1`, id)
	return explain(err)
}

// SigningKeys returns all keys, oldest first.
func (q queries) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	scan := func(row scanner) (k SigningKey, err error) {
		var created int64
		err = row.Scan(&k.ID, &k.Algorithm, &k.Key, &created)
		k.CreatedAt = fromMillis(created)
		return k, err
	}
	return list(ctx, q.q, scan, `SELECT id, algorithm, key, created_at FROM signing_keys ORDER BY created_at, id`)
}
