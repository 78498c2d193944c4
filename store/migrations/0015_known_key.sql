-- +goose Up

-- The key that seals, by its fingerprint, so that Keyporter doesn't start with another one. There is one row once
-- a program with a key has started.
CREATE TABLE known_key (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    fingerprint TEXT NOT NULL
);
