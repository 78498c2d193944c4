-- +goose Up

-- The secrets of deleted tokens, so that no import brings one back.
CREATE TABLE deleted_secrets (
    hash BYTEA PRIMARY KEY -- SHA-256
);
