-- +goose Up

-- The users organization tokens acted for. Only allowed calls are counted, so each row has a
-- user who existed, and a version that accepts these tokens.
CREATE TABLE token_logins (
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    login    TEXT NOT NULL,
    version  TEXT NOT NULL,
    last_at  BIGINT NOT NULL,
    calls    BIGINT NOT NULL,
    PRIMARY KEY (token_id, login, version)
);

-- The last refusals of each token and each organization.
CREATE TABLE refusals (
    id              TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL,
    at              BIGINT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    token_id        TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    reason          TEXT NOT NULL,
    cause           TEXT NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    version         TEXT NOT NULL,
    login_name      TEXT NOT NULL,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL
);
CREATE INDEX refusals_request ON refusals (request_id);
CREATE INDEX refusals_token ON refusals (token_id, id);
CREATE INDEX refusals_organization ON refusals (organization_id, id);
