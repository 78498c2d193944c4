-- +goose Up

-- What opened a session, so that it ends when that no longer lets people in: the ID of an identity
-- provider, and its issuer and client ID at that time; or 'password'. Empty: an earlier release
-- opened it, and nobody knows.
ALTER TABLE sessions ADD COLUMN opened_by TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
