-- +goose Up

-- Finds users by the domain of their login as it was entered: what follows the last @, in lower case.
-- In a key, a full-width @ is another @. The letter I comes first, because lower() makes it an ı in
-- a Turkish database.
DROP INDEX users_domain;
CREATE INDEX users_domain ON users (lower(replace(substr(login, length(rtrim(login, replace(login, '@', ''))) + 1), 'I', 'i')));
