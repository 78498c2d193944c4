-- +goose Up

-- The oldest schema whose program may still run on this database. A migration that breaks older
-- programs raises it, but never past the schema of the previous release.
CREATE TABLE schema_range (
    oldest BIGINT NOT NULL
);
INSERT INTO schema_range (oldest) VALUES (11);
