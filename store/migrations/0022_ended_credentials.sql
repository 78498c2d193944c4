-- +goose Up

-- What is no more, and was used for calls: connections, and apps that acted for themselves. It is kept as long as
-- deleted tokens are, so that its refused calls are still found by those who could see them.
CREATE TABLE ended_credentials (
    id              TEXT NOT NULL,
    user_id         TEXT NOT NULL, -- whose connection it was; of an app, each person responsible, and once empty
    organization_id TEXT NOT NULL, -- empty: an app of the instance
    app_id          TEXT NOT NULL, -- the same as id: it was the app itself
    name            TEXT NOT NULL, -- of the app
    ended_at        BIGINT NOT NULL,
    PRIMARY KEY (id, user_id)
);
CREATE INDEX ended_credentials_user ON ended_credentials (user_id, id);
CREATE INDEX ended_credentials_apps ON ended_credentials (organization_id, id) WHERE id = app_id;
CREATE INDEX ended_credentials_ended ON ended_credentials (ended_at, id);
