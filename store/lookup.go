package store

import (
	"context"

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
