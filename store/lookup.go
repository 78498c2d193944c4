package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// What a check asks has connections of its own, here and not in queries, so that calls are answered
// however many changes and pages wait for theirs.

// CredentialsByHash is queries.CredentialsByHash on these connections.
func (db *DB) CredentialsByHash(ctx context.Context, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]Credential, error) {
	return db.lookups.CredentialsByHash(ctx, hashes)
}

// AccessByHash is queries.AccessByHash on these connections.
func (db *DB) AccessByHash(ctx context.Context, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]Credential, error) {
	return db.lookups.AccessByHash(ctx, hashes)
}

// StandingByLogin is queries.StandingByLogin on these connections.
func (db *DB) StandingByLogin(ctx context.Context, organization keyporter.ID, login string) (Standing, error) {
	return db.lookups.StandingByLogin(ctx, organization, login)
}

// SecretHashesOf is queries.SecretHashesOf on these connections.
func (db *DB) SecretHashesOf(ctx context.Context, tokens ...keyporter.ID) ([]keyporter.SecretHash, error) {
	return db.lookups.SecretHashesOf(ctx, tokens...)
}

// EachSecretHash is queries.EachSecretHash on these connections.
func (db *DB) EachSecretHash(ctx context.Context, f func(keyporter.SecretHash)) error {
	return db.lookups.EachSecretHash(ctx, f)
}

// UseProof is Tx.UseProof for a check, which writes nothing else: with SQLite, it goes before the changes
// that wait.
func (db *DB) UseProof(ctx context.Context, hash keyporter.SecretHash, expires time.Time) (fresh bool, err error) {
	leave, err := db.line.wait(ctx, true)
	if err != nil {
		return false, fmt.Errorf("wait for the writer: %w", err)
	}
	defer leave()
	write := db.write
	if db.pools != nil {
		write = db.lookup
	}
	return useProof(ctx, db.counted(write), hash, expires)
}
