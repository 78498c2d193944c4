-- +goose Up

-- Lists of the users in one state, and their number.
CREATE INDEX users_organization_active ON users (organization_id, active, login_key);
