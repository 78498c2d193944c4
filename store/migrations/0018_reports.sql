-- +goose Up

-- Calls of each day (Unix milliseconds of its beginning, UTC) by client, and by route.
CREATE TABLE credential_days (
    credential_id TEXT NOT NULL,
    day           BIGINT NOT NULL,
    agent         TEXT NOT NULL,
    allowed       BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    PRIMARY KEY (credential_id, day, agent)
);
CREATE INDEX credential_days_day ON credential_days (day);
INSERT INTO credential_days
SELECT credential_id, hour - hour % 86400000, '(not recorded)', sum(allowed), sum(refused)
FROM credential_hours GROUP BY credential_id, hour - hour % 86400000;

CREATE TABLE credential_routes (
    credential_id TEXT NOT NULL,
    day           BIGINT NOT NULL,
    version       TEXT NOT NULL, -- API and version, as the client called it
    method        TEXT NOT NULL,
    route         TEXT NOT NULL, -- pattern
    allowed       BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    PRIMARY KEY (credential_id, day, version, method, route)
);
CREATE INDEX credential_routes_day ON credential_routes (day);

-- The last calls of each credential, as JSON. They are read and written together.
CREATE TABLE credential_calls (
    credential_id TEXT PRIMARY KEY,
    last_at       BIGINT NOT NULL,
    calls         TEXT NOT NULL
);
CREATE INDEX credential_calls_last ON credential_calls (last_at);

-- The history of a token, and of a connection without the tokens that its app gets all the time.
CREATE INDEX events_token ON events (token_id, id) WHERE token_id <> '';
CREATE INDEX events_connection ON events (connection_id, id)
WHERE connection_id <> '' AND name <> 'access_token.create' AND name <> 'access_token.delete';
