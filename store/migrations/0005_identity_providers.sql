-- +goose Up

CREATE TABLE identity_providers (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL CONSTRAINT identity_providers_organization UNIQUE REFERENCES organizations (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    issuer          TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    client_secret   BYTEA NOT NULL, -- sealed
    role_id         TEXT NOT NULL, -- empty: it creates no users
    created_at      BIGINT NOT NULL
);

CREATE TABLE identity_domains (
    domain      TEXT PRIMARY KEY,
    provider_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE
);
CREATE INDEX identity_domains_provider ON identity_domains (provider_id);

-- A user's identity at the provider: the subject stays the same when their address changes.
CREATE TABLE user_identities (
    provider_id TEXT NOT NULL REFERENCES identity_providers (id) ON DELETE CASCADE,
    subject     TEXT NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (provider_id, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);

-- Whether users of the organization can sign in with passwords.
ALTER TABLE organizations ADD COLUMN passwords BOOLEAN NOT NULL DEFAULT TRUE;
