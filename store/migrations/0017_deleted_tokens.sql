-- +goose Up

-- Tokens that were deleted, and can be restored for some days. They have a table of their own, so that no
-- query about tokens can find one. Whatever ends with its owner or organization can't be restored.
CREATE TABLE deleted_tokens (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    owner_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    expires_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    deleted_at      BIGINT NOT NULL
);
CREATE INDEX deleted_tokens_owner ON deleted_tokens (owner_id, kind, deleted_at);
CREATE INDEX deleted_tokens_deleted ON deleted_tokens (deleted_at);

-- Their secrets. deleted_secrets has the hashes as well, whatever becomes of the tokens.
CREATE TABLE deleted_token_secrets (
    hash       BYTEA PRIMARY KEY, -- SHA-256
    token_id   TEXT NOT NULL REFERENCES deleted_tokens (id) ON DELETE CASCADE,
    first      TEXT NOT NULL,
    last       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX deleted_token_secrets_token ON deleted_token_secrets (token_id);
