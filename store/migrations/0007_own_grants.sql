-- +goose Up

-- An app's own access tokens share a grant, which is found by this.
CREATE INDEX grants_own ON grants (app_id, ends_at) WHERE connection_id IS NULL;
