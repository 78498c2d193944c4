-- +goose Up
-- Counts the changes of a role: who changes it names the version that he saw.
ALTER TABLE roles ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- Lists of users go by login name.
CREATE INDEX users_organization_login ON users (organization_id, login_key);
