-- +goose Up

CREATE TABLE apps (
    id              TEXT PRIMARY KEY, -- client_id
    organization_id TEXT REFERENCES organizations (id), -- null: of the instance
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    publisher       TEXT NOT NULL,
    home_page       TEXT NOT NULL,
    verified        BOOLEAN NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'quarantined')),
    barred          BOOLEAN NOT NULL DEFAULT FALSE, -- an operator suspended it
    authentication  TEXT NOT NULL,
    keys            TEXT NOT NULL,
    redirect_uris   TEXT NOT NULL, -- JSON list of strings
    scopes          TEXT NOT NULL, -- separated by spaces; optional ones end in ?
    device          BOOLEAN NOT NULL,
    own_tokens      BOOLEAN NOT NULL,
    without_pkce    BOOLEAN NOT NULL,
    jwt             BOOLEAN NOT NULL,
    introspects     BOOLEAN NOT NULL,
    dynamic         BOOLEAN NOT NULL,
    webhook         TEXT NOT NULL,
    webhook_secret  BYTEA, -- sealed
    registration    BYTEA, -- SHA-256 of the registration access token (RFC 7592)
    image           BYTEA, -- PNG
    image_at        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    version         BIGINT NOT NULL
);
CREATE INDEX apps_organization ON apps (organization_id, id);

CREATE TABLE app_secrets (
    hash       BYTEA PRIMARY KEY, -- SHA-256
    id         TEXT NOT NULL UNIQUE,
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    first      TEXT NOT NULL,
    last       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX app_secrets_app ON app_secrets (app_id, created_at);

-- The people responsible for an app, who may change it.
CREATE TABLE app_people (
    app_id  TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (app_id, user_id)
);
CREATE INDEX app_people_user ON app_people (user_id);

ALTER TABLE organizations ADD COLUMN apps TEXT NOT NULL DEFAULT 'all';

CREATE TABLE organization_apps (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    app_id          TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    PRIMARY KEY (organization_id, app_id)
);

-- Notifications for publishers of apps that haven't been delivered yet.
CREATE TABLE deliveries (
    id         TEXT PRIMARY KEY, -- webhook-id
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    body       TEXT NOT NULL, -- JSON
    attempts   BIGINT NOT NULL, -- that failed
    next_at    BIGINT NOT NULL, -- not before
    created_at BIGINT NOT NULL
);
CREATE INDEX deliveries_next ON deliveries (next_at, id);

CREATE TABLE connections (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    app_id          TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    scopes          TEXT NOT NULL, -- separated by blanks
    created_at      BIGINT NOT NULL,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL,
    replayed_at     BIGINT NOT NULL,
    CONSTRAINT connections_app UNIQUE (user_id, app_id)
);
CREATE INDEX connections_organization ON connections (organization_id, id);
CREATE INDEX connections_of_app ON connections (app_id, id);

-- An authorization of an app: under a connection, or, with client credentials, its own.
-- Codes and tokens are issued under it.
CREATE TABLE grants (
    id                TEXT PRIMARY KEY,
    app_id            TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    connection_id     TEXT REFERENCES connections (id) ON DELETE CASCADE, -- null: the app's own
    scopes            TEXT NOT NULL, -- separated by blanks
    resources         TEXT NOT NULL, -- separated by blanks
    key_hash          TEXT NOT NULL, -- of the key that its tokens are bound to, empty: none
    request           BYTEA NOT NULL, -- sealed: what the app asked for
    code              BYTEA UNIQUE, -- SHA-256 of the authorization code
    code_expires_at   BIGINT NOT NULL,
    code_used_at      BIGINT NOT NULL,
    device            BYTEA UNIQUE, -- SHA-256 of the device code
    device_expires_at BIGINT NOT NULL,
    device_used_at    BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    ends_at           BIGINT NOT NULL, -- nothing is refreshed after that
    revoked_at        BIGINT NOT NULL
);
CREATE INDEX grants_connection ON grants (connection_id);
CREATE INDEX grants_app ON grants (app_id);
CREATE INDEX grants_ends ON grants (ends_at);

CREATE TABLE access_tokens (
    hash       BYTEA PRIMARY KEY, -- SHA-256
    id         TEXT NOT NULL UNIQUE,
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scopes     TEXT NOT NULL,
    resources  TEXT NOT NULL,
    key_hash   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_tokens_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_expires ON access_tokens (expires_at);

-- A used one stays until it would have expired, so that a replay is recognized.
CREATE TABLE refresh_tokens (
    hash       BYTEA PRIMARY KEY, -- SHA-256
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

-- Authorization requests between the app and the consent. Everything that finds one is hashed.
CREATE TABLE authorizations (
    id            BYTEA PRIMARY KEY, -- SHA-256 of its id
    app_id        TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    pushed        BYTEA UNIQUE, -- SHA-256 of the request_uri (RFC 9126), until it is used
    device        BYTEA UNIQUE, -- SHA-256 of the device code (RFC 8628)
    user_code     BYTEA UNIQUE, -- SHA-256 of the code that a person types, until it is typed
    browser       BYTEA, -- SHA-256 of the cookie of the browser it belongs to
    request       BYTEA NOT NULL, -- sealed
    answer        TEXT NOT NULL CHECK (answer IN ('', 'allow', 'deny')),
    user_id       TEXT REFERENCES users (id) ON DELETE CASCADE, -- who answered
    connection_id TEXT REFERENCES connections (id) ON DELETE CASCADE, -- the outcome
    scopes        TEXT NOT NULL, -- that were allowed, separated by spaces
    signed_in_at  BIGINT NOT NULL, -- when the user who answered last authenticated
    poll_every    BIGINT NOT NULL, -- milliseconds the device has to wait
    polled_at     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL
);
CREATE INDEX authorizations_expires ON authorizations (expires_at);
CREATE INDEX authorizations_app ON authorizations (app_id);
CREATE INDEX authorizations_user ON authorizations (user_id);
CREATE INDEX authorizations_connection ON authorizations (connection_id);

-- Keys that sign ID tokens and JWTs.
CREATE TABLE signing_keys (
    id         TEXT PRIMARY KEY, -- kid
    algorithm  TEXT NOT NULL,
    key        BYTEA NOT NULL, -- sealed
    created_at BIGINT NOT NULL
);

-- Proofs and assertions that were used. Each works once across all nodes.
CREATE TABLE proofs (
    hash       BYTEA PRIMARY KEY, -- SHA-256 of its key or app and its jti
    expires_at BIGINT NOT NULL
);
CREATE INDEX proofs_expires ON proofs (expires_at);

ALTER TABLE events ADD COLUMN app_id TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN connection_id TEXT NOT NULL DEFAULT '';

-- Calls are counted by credential from now on: an API token, or a connection.
CREATE TABLE credential_hours (
    credential_id TEXT NOT NULL,
    hour          BIGINT NOT NULL, -- start of the hour
    allowed       BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    PRIMARY KEY (credential_id, hour)
);
CREATE INDEX credential_hours_hour ON credential_hours (hour);
INSERT INTO credential_hours SELECT token_id, hour, allowed, refused FROM token_hours;
DROP TABLE token_hours;

CREATE TABLE credential_clients (
    credential_id TEXT NOT NULL,
    agent         TEXT NOT NULL,
    address       TEXT NOT NULL, -- of the last call
    version       TEXT NOT NULL, -- of the last call
    last_at       BIGINT NOT NULL,
    allowed       BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    PRIMARY KEY (credential_id, agent)
);
INSERT INTO credential_clients SELECT token_id, agent, address, version, last_at, allowed, refused FROM token_clients;
DROP TABLE token_clients;

CREATE TABLE credential_refusals (
    id              TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL,
    at              BIGINT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    credential_id   TEXT NOT NULL,
    reason          TEXT NOT NULL,
    cause           TEXT NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    version         TEXT NOT NULL,
    login_name      TEXT NOT NULL,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL
);
CREATE INDEX credential_refusals_request ON credential_refusals (request_id);
CREATE INDEX credential_refusals_credential ON credential_refusals (credential_id, id);
CREATE INDEX credential_refusals_organization ON credential_refusals (organization_id, id);
INSERT INTO credential_refusals SELECT id, request_id, at, organization_id, token_id, reason, cause, method, path, version, login_name, address, agent FROM refusals;
DROP TABLE refusals;
