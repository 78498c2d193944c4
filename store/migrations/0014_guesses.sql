-- +goose Up

-- Wrong passwords in a row, by what was tried: a login from browsers that we don't know, or a browser
-- that we know. A right password deletes the row.
CREATE TABLE guesses (
    what    TEXT PRIMARY KEY,
    n       BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE INDEX guesses_last ON guesses (last_at);
