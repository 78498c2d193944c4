-- Rules for every migration: one text for SQLite and PostgreSQL; forward only; works
-- under the previous release. Times are Unix milliseconds, 0 is never. A name_key or
-- login_key is the name that keyporter.Fold returns. Flags, permissions and predefined
-- roles are closed lists in code and have no tables.

-- +goose Up
CREATE TABLE organizations (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL CONSTRAINT organizations_name UNIQUE,
    active     BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE organization_flags (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    flag            TEXT NOT NULL,
    PRIMARY KEY (organization_id, flag)
);

CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    login           TEXT NOT NULL,
    login_key       TEXT NOT NULL CONSTRAINT users_login UNIQUE,
    password_hash   TEXT NOT NULL, -- argon2id in PHC form, empty: can't sign in with a password
    operator        BOOLEAN NOT NULL,
    active          BOOLEAN NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE INDEX users_organization ON users (organization_id, id);

CREATE TABLE roles (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    CONSTRAINT roles_name UNIQUE (organization_id, name_key)
);

CREATE TABLE role_effects (
    role_id    TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    effect     SMALLINT NOT NULL CHECK (effect IN (-1, 1)), -- 1 grants, -1 blocks
    PRIMARY KEY (role_id, permission)
);

-- role_id names a predefined role or one of the table roles, hence no foreign key.
CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL,
    PRIMARY KEY (user_id, role_id)
);
CREATE INDEX user_roles_role ON user_roles (role_id);

CREATE TABLE tokens (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    owner_id        TEXT NOT NULL REFERENCES users (id),
    kind            TEXT NOT NULL CHECK (kind IN ('user', 'organization')),
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    enabled         BOOLEAN NOT NULL,
    expires_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    CONSTRAINT tokens_name UNIQUE (owner_id, kind, name_key)
);
CREATE INDEX tokens_owner ON tokens (owner_id, kind, id);
CREATE INDEX tokens_organization ON tokens (organization_id, id);

-- A table of its own: while a token is being rotated it has two secrets.
CREATE TABLE token_secrets (
    hash       BYTEA PRIMARY KEY, -- SHA-256
    token_id   TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    first      TEXT NOT NULL,
    last       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX token_secrets_token ON token_secrets (token_id, created_at);

-- No foreign keys: an event outlives what it is about.
CREATE TABLE events (
    id              TEXT PRIMARY KEY,
    at              BIGINT NOT NULL,
    name            TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    token_id        TEXT NOT NULL,
    actor_kind      TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    actor_login     TEXT NOT NULL,
    actor_address   TEXT NOT NULL,
    request_id      TEXT NOT NULL,
    detail          TEXT NOT NULL -- JSON object of strings
);
CREATE INDEX events_organization ON events (organization_id, id);

CREATE TABLE sessions (
    hash       BYTEA PRIMARY KEY, -- SHA-256 of the cookie
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- The one-time link with which the first operator signs up.
CREATE TABLE setup_links (
    hash       BYTEA PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- Limited attempts; next_at is the theoretical arrival time of GCRA.
CREATE TABLE attempts (
    what    TEXT PRIMARY KEY,
    next_at BIGINT NOT NULL
);

CREATE TABLE token_hours (
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    hour     BIGINT NOT NULL, -- start of the hour
    allowed  BIGINT NOT NULL,
    refused  BIGINT NOT NULL,
    PRIMARY KEY (token_id, hour)
);
CREATE INDEX token_hours_hour ON token_hours (hour);

CREATE TABLE token_clients (
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    agent    TEXT NOT NULL,
    address  TEXT NOT NULL, -- of the last call
    version  TEXT NOT NULL, -- of the last call
    last_at  BIGINT NOT NULL,
    allowed  BIGINT NOT NULL,
    refused  BIGINT NOT NULL,
    PRIMARY KEY (token_id, agent)
);
