-- +goose Up

-- When a token was last switched on or off, or given another expiry: who did that has seen the refusals before it.
ALTER TABLE tokens ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
