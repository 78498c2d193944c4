-- +goose Up

-- Those who manage an organization's tokens list the ones that were deleted.
CREATE INDEX deleted_tokens_organization ON deleted_tokens (organization_id, kind, deleted_at, id);
