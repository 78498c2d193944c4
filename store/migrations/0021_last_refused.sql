-- +goose Up

-- When a client was last refused: pages say so if it was its last call.
ALTER TABLE credential_clients ADD COLUMN refused_at BIGINT NOT NULL DEFAULT 0;
UPDATE credential_clients SET refused_at = last_at WHERE allowed = 0;
