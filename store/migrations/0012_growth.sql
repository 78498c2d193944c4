-- +goose Up

-- Refused calls of apps of the whole instance are kept, too: organization_id is empty then.
CREATE TABLE kept_refusals (
    id              TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL,
    at              BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
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
INSERT INTO kept_refusals SELECT id, request_id, at, organization_id, credential_id, reason, cause, method, path, version, login_name, address, agent FROM credential_refusals;
DROP TABLE credential_refusals;
ALTER TABLE kept_refusals RENAME TO credential_refusals;
CREATE INDEX credential_refusals_request ON credential_refusals (request_id);
CREATE INDEX credential_refusals_credential ON credential_refusals (credential_id, id);
CREATE INDEX credential_refusals_organization ON credential_refusals (organization_id, id);

-- The roles of a user as one text: their IDs in order, separated by spaces. Users with the same roles are
-- counted and found by it, however many there are. What someone may do is up to user_roles.
ALTER TABLE users ADD COLUMN role_ids TEXT NOT NULL DEFAULT '';
UPDATE users SET role_ids = coalesce((SELECT string_agg(role_id, ' ' ORDER BY role_id) FROM user_roles WHERE user_id = users.id), '');
CREATE INDEX users_role_ids ON users (organization_id, role_ids, active);

-- What is listed, and what is deleted now and then because it has expired.
CREATE INDEX tokens_kind ON tokens (organization_id, kind, id);
CREATE INDEX users_operator ON users (id) WHERE operator;
CREATE INDEX attempts_next ON attempts (next_at);
CREATE INDEX grants_code_expires ON grants (code_expires_at) WHERE code IS NOT NULL AND code_used_at = 0;
CREATE INDEX apps_quarantined ON apps (created_at) WHERE dynamic AND state = 'quarantined';
CREATE INDEX tokens_of_organizations ON tokens (organization_id, id) WHERE kind = 'organization';
CREATE INDEX deliveries_app ON deliveries (app_id, next_at, id);
CREATE INDEX organization_apps_app ON organization_apps (app_id);
