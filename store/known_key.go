package store

import (
	"context"
	"fmt"
)

// HasKey reports whether something in the database depends on a key: it knows the key, or a release that
// didn't keep which one it is has sealed something.
func (q queries) HasKey(ctx context.Context) (bool, error) {
	known, err := q.knownKey(ctx)
	if err != nil || known != "" {
		return known != "", err
	}
	sealed, err := q.SigningKeys(ctx)
	return len(sealed) > 0, err
}

// knownKey returns the fingerprint of the key that seals, or "" if none does yet.
func (q queries) knownKey(ctx context.Context) (string, error) {
	known, err := one(ctx, q.q, scanString[string], `SELECT coalesce(max(fingerprint), '') FROM known_key WHERE id = 1`)
	if isNoTable(err) { // this program is tested without its last migration
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up the known key: %w", err)
	}
	return known, nil
}

// KeepKey keeps the first of these fingerprints as that of the key that seals, unless another key has sealed until
// now and isn't among them; then it returns false. A start with the same key writes nothing.
func (db *DB) KeepKey(ctx context.Context, fingerprints []string) (kept bool, err error) {
	known, err := db.knownKey(ctx)
	if err != nil || known == fingerprints[0] {
		return err == nil, err
	}
	err = db.Do(ctx, func(tx *Tx) error {
		marks, args := placeholders(fingerprints, any(fingerprints[0]))
		n, err := tx.exec(ctx, `
			INSERT INTO known_key (id, fingerprint) VALUES (1, $1)
			ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint WHERE known_key.fingerprint IN `+marks, args...)
		kept = n > 0
		return err
	})
	if isNoTable(err) { // as above
		return true, nil
	}
	return kept, err
}
