-- +goose Up

-- What opened a session, so that it ends when that no longer lets people in: the ID of an identity
-- provider, and its issuer and client ID at that time; or 'password'. Empty: an earlier release
-- opened it, and nobody knows.
ALTER TABLE sessions ADD COLUMN opened_by TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN client_id TEXT NOT NULL DEFAULT '';

-- The domains of login names. A transaction locks the row of a domain before it adds a login in the
-- domain or assigns the domain to a provider, so that only one of the two can happen.
CREATE TABLE login_domains (
    domain TEXT PRIMARY KEY
);

-- Finds users by the domain of their login, with the @ in front.
CREATE INDEX users_domain ON users (ltrim(login_key, replace(login_key, '@', '')));
