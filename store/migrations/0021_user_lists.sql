-- +goose Up

-- Lists of the users in one state, and their number. Databases that were tried with it as migration 19 have it already.
CREATE INDEX IF NOT EXISTS users_organization_active ON users (organization_id, active, login_key);
