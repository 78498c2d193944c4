-- +goose Up

-- What an app registered: that it sends its secret in the form, and that its ID tokens are signed
-- with ES256.
ALTER TABLE apps ADD COLUMN secret_in_form BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE apps ADD COLUMN es256 BOOLEAN NOT NULL DEFAULT FALSE;
