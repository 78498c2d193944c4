-- +goose Up

-- Lists of tokens are sorted and filtered by when they were last called with. What is shown comes from the counts.
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN last_refused_at BIGINT NOT NULL DEFAULT 0;
UPDATE tokens SET
    last_used_at = coalesce((SELECT max(last_at) FROM credential_clients WHERE credential_id = tokens.id), 0),
    last_refused_at = coalesce((SELECT max(hour) FROM credential_hours WHERE credential_id = tokens.id AND refused > 0), 0)
WHERE id IN (SELECT credential_id FROM credential_clients);

-- A token that never expires comes after all that do.
CREATE INDEX tokens_owner_used ON tokens (owner_id, kind, last_used_at, id);
CREATE INDEX tokens_owner_expires ON tokens (owner_id, kind, coalesce(nullif(expires_at, 0), 9223372036854775807), id);
CREATE INDEX tokens_kind_name ON tokens (organization_id, kind, name_key, id);
CREATE INDEX tokens_kind_used ON tokens (organization_id, kind, last_used_at, id);
CREATE INDEX tokens_kind_expires ON tokens (organization_id, kind, coalesce(nullif(expires_at, 0), 9223372036854775807), id);

-- People search for what they see of a secret.
CREATE INDEX token_secrets_first ON token_secrets (lower(first));
CREATE INDEX token_secrets_last ON token_secrets (lower(last));

-- Whose tokens are blocked is read from this index alone.
CREATE INDEX users_who_can ON users (organization_id, role_ids, active, id);
