-- +goose Up
-- Counts the changes of a role: whoever changes it names the version they saw.
ALTER TABLE roles ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- Lists of users are sorted by login name.
CREATE INDEX users_organization_login ON users (organization_id, login_key);
