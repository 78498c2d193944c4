package store

import (
	"context"
	"fmt"
)

// HasKey reports whether something in the database depends on a key: it knows the key, or a release that
// didn't keep which one it is has sealed something.
func (q queries) HasKey(ctx context.Context) (bool, error) {
	known, err := q.KnownKey(ctx)
	if err != nil || known != "" {
		return known != "", err
	}
	sealed, err := q.Sealed(ctx)
	return len(sealed) > 0, err
}

// KnownKey returns the fingerprint of the key that seals, or "" if none does yet.
func (q queries) KnownKey(ctx context.Context) (string, error) {
	known, err := one(ctx, q.q, scanString[string], `SELECT coalesce(max(fingerprint), '') FROM known_key WHERE id = 1`)
	if isNoTable(err) { // this program is tested without its last migration
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up the known key: %w", err)
	}
	return known, nil
}

// What is sealed to last is sealed for one of these purposes, followed by the ID of the app, the organization, or the row.
const (
	ForSigningKey = "signing key "
	ForWebhook    = "webhook "
	ForProvider   = "identity provider of "
	ForGrant      = "grant "
)

// Sealed is something that only its key opens.
type Sealed struct {
	Purpose string
	Bytes   []byte
}

// Sealed returns what is sealed to last, and of the grants, the newest.
func (q queries) Sealed(ctx context.Context) ([]Sealed, error) {
	scan := func(row scanner) (s Sealed, err error) { return s, row.Scan(&s.Purpose, &s.Bytes) }
	all, err := list(ctx, q.q, scan, `
		SELECT '`+ForSigningKey+`' || id, key FROM signing_keys
		UNION ALL SELECT '`+ForWebhook+`' || id, webhook_secret FROM apps WHERE length(webhook_secret) > 0
		UNION ALL SELECT '`+ForProvider+`' || organization_id, client_secret FROM identity_providers WHERE length(client_secret) > 0
		UNION ALL SELECT '`+ForGrant+`' || id, request FROM (SELECT id, request FROM grants ORDER BY id DESC LIMIT 1) AS newest`)
	if err != nil {
		return nil, fmt.Errorf("list what is sealed: %w", err)
	}
	return all, nil
}

// KeepKey keeps the first of these fingerprints as that of the key that seals, unless another key has sealed until
// now and isn't among them; then it returns false. A start with the same key writes nothing.
func (db *DB) KeepKey(ctx context.Context, fingerprints []string) (kept bool, err error) {
	known, err := db.KnownKey(ctx)
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
