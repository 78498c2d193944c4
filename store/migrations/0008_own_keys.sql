-- +goose Up

-- An app's own access tokens share a grant, which is found by this: SHA-256 of what they give
-- and to whom. Null: the grant is a user's, or an earlier release made it.
ALTER TABLE grants ADD COLUMN own_key BYTEA;
CREATE UNIQUE INDEX grants_own_key ON grants (own_key) WHERE own_key IS NOT NULL AND revoked_at = 0;
DROP INDEX grants_own;
