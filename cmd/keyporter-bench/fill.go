//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

const owners = 1000 // users who own the tokens

func loginOf(user int) string { return fmt.Sprintf("user%04d@acme.example", user) }

// fill creates a database with tokens of many users. It returns the secrets of those that the calls
// use; nobody knows the secrets of the others.
func fill(ctx context.Context, path string, o options) (secrets []string, err error) {
	db, err := store.Open(ctx, path, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	err = db.Do(ctx, func(tx *store.Tx) error {
		secrets, err = insertUsed(ctx, tx, o.used)
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return secrets, insertOthers(ctx, path, o.tokens-o.used)
}

func insertUsed(ctx context.Context, tx *store.Tx, n int) ([]string, error) {
	now := time.Now()
	org := keyporter.Organization{ID: keyporter.NewID(now), Name: "Acme", Active: true, Flags: []keyporter.Flag{keyporter.FlagAPI}, CreatedAt: now}
	if err := tx.InsertOrganization(ctx, org); err != nil {
		return nil, err
	}
	users := make([]keyporter.ID, owners)
	for i := range users {
		users[i] = keyporter.NewID(now)
		u := keyporter.User{ID: users[i], OrganizationID: org.ID, Login: loginOf(i), RoleIDs: []keyporter.ID{keyporter.RoleAPIUser}, Active: true, CreatedAt: now}
		if err := tx.InsertUser(ctx, u, ""); err != nil {
			return nil, err
		}
	}
	if err := insertApp(ctx, tx, now); err != nil {
		return nil, err
	}
	secrets := make([]string, n)
	for i := range secrets {
		s := keyporter.NewSecret(keyporter.SecretUserToken)
		t := keyporter.Token{
			ID: keyporter.NewID(now), OrganizationID: org.ID, OwnerID: users[i%owners], Kind: keyporter.UserToken,
			Name: fmt.Sprintf("Used %d", i), Enabled: true, CreatedAt: now, First: s.First(), Last: s.Last(),
		}
		if err := tx.InsertToken(ctx, t, s.Hash()); err != nil {
			return nil, err
		}
		secrets[i] = s.Reveal()
	}
	return secrets, nil
}

// appID is the app that requests tokens and asks about them.
const appID = "06c00000000000000000000app"

// appSecret is the same in each run: it only opens the bench's own database.
func appSecret() keyporter.Secret { return derived(keyporter.SecretApp) }

func derived(kind keyporter.SecretKind) keyporter.Secret {
	s, _ := seal.New(seal.Key{}) // fails only without a key
	return keyporter.DeriveSecret(kind, s.Derive, "bench")
}

func insertApp(ctx context.Context, tx *store.Tx, now time.Time) error {
	a := keyporter.App{
		ID: appID, Name: "Bench", Publisher: "Acme", State: keyporter.AppActive, Authentication: keyporter.AppSecret,
		OwnTokens: true, Introspects: true, CreatedAt: now,
	}
	if err := tx.InsertApp(ctx, a); err != nil {
		return err
	}
	return tx.InsertAppSecret(ctx, keyporter.AppCredential{ID: keyporter.NewID(now), AppID: a.ID, CreatedAt: now}, appSecret().Hash())
}

// insertOthers has SQLite create the rest, because inserting them one by one would take minutes.
// The hash of a random secret is random bytes.
func insertOthers(ctx context.Context, path string, n int) error {
	if n == 0 {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-1000000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	const index = "token_secrets_token" // created at the end, which is faster
	var createIndex string
	err = db.QueryRowContext(ctx, `SELECT sql FROM sqlite_master WHERE name = $1`, index).Scan(&createIndex)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	for _, statement := range []string{
		`DROP INDEX ` + index,
		`CREATE TEMP TABLE owners AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, organization_id FROM users`,
		`CREATE UNIQUE INDEX temp.owners_n ON owners (n)`,
		// IDs, owners, and names rise together, so every index grows at its end.
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d - 1)
			INSERT INTO tokens (id, organization_id, owner_id, kind, name, name_key, enabled, expires_at, created_at)
			SELECT printf('zz%%024d', i), o.organization_id, o.id, 'user', printf('Other %%07d', i), printf('other %%07d', i), TRUE, 0, 1
			FROM n CROSS JOIN owners o ON o.n = n.i * %d / %d`, n, owners, n),
		`INSERT INTO token_secrets (hash, token_id, first, last, created_at)
			SELECT randomblob(32) AS hash, id, 'kpu_AAAA', 'AAAA', 1 FROM tokens WHERE created_at = 1 ORDER BY hash`,
		createIndex,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}
