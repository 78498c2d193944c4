package keyportertest

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Crowd has the database at url insert n active users of an organization, who all hold the role and nine in ten of
// them API user, too. Their logins are user1000000@crowd.example and so on. Writing them one by one would take
// minutes.
func Crowd(t testing.TB, url string, organization, role keyporter.ID, n int) {
	t.Helper()
	const crowd = `FROM users WHERE login_key LIKE 'user%@crowd.example'`
	Exec(t, url,
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO users (id, organization_id, login, login_key, password_hash, operator, active, created_at, role_ids)
			SELECT 'u' || CAST(i AS TEXT), '%s', 'user' || CAST(i AS TEXT) || '@crowd.example', 'user' || CAST(i AS TEXT) || '@crowd.example', '', FALSE, TRUE, 1,
				CASE WHEN i %% 10 = 0 THEN '%s' ELSE '%s api_user' END
			FROM n`, 1000000+n-1, organization, role, role),
		fmt.Sprintf(`INSERT INTO user_roles (user_id, role_id) SELECT id, '%s' `, role)+crowd,
		`INSERT INTO user_roles (user_id, role_id) SELECT id, 'api_user' `+crowd+` AND role_ids LIKE '%api_user'`,
		`ANALYZE`)
}

// Exec runs statements on the database at url, as another program would.
func Exec(t testing.TB, url string, queries ...string) {
	t.Helper()
	driver := "sqlite"
	if store.IsPostgres(url) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, query := range queries {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
}

// Tokens adds user tokens that are on, in one transaction, and returns their IDs.
func (n *Node) Tokens(t testing.TB, owner keyporter.User, count int) (ids []keyporter.ID) {
	t.Helper()
	err := n.DB.Do(t.Context(), func(tx *store.Tx) error {
		for i := range count {
			secret := keyporter.NewSecret(keyporter.SecretUserToken)
			token := keyporter.Token{
				ID: keyporter.NewID(time.Now()), OrganizationID: owner.OrganizationID, OwnerID: owner.ID, Kind: keyporter.UserToken, Name: fmt.Sprint("Token ", i),
				Enabled: true, CreatedAt: time.Now(), First: secret.First(), Last: secret.Last(),
			}
			ids = append(ids, token.ID)
			if err := tx.InsertToken(t.Context(), token, secret.Hash()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
