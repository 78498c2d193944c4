package store_test

import (
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

func prune(t *testing.T, db *store.DB, now time.Time) {
	t.Helper()
	if err := db.Prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// TestNobodyWaitsLongForWhatHasExpired expects many rows to be deleted in several transactions.
func TestNobodyWaitsLongForWhatHasExpired(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		ada, _, _ := acme(t, db)
		const rows = 3*store.PruneRows + 1
		do(t, db, func(tx *store.Tx) error {
			for _, query := range []string{
				`INSERT INTO attempts (what, next_at) SELECT 'a' || CAST(i AS TEXT), i FROM n`,
				`INSERT INTO credential_hours (credential_id, hour, allowed, refused) SELECT 'token', i, 1, 0 FROM n`,
				`INSERT INTO sessions (hash, user_id, address, agent, created_at, seen_at, expires_at) SELECT CAST(CAST(i AS TEXT) AS BYTEA), $2, '', '', 1, 1, i FROM n`,
			} {
				args := []any{rows}
				if len(query) > 120 {
					args = append(args, ada.ID)
				}
				if err := tx.Exec(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST($1 AS BIGINT)) `+query, args...); err != nil {
					return err
				}
			}
			return nil
		})
		before := db.Statements()
		prune(t, db, noon)
		if n := db.Statements() - before; n < 3*(3+8+3*3) {
			t.Errorf("%d statements: a transaction deletes too much", n)
		}
		for _, table := range []string{"attempts", "credential_hours", "sessions"} {
			if n, err := db.Int(t.Context(), `SELECT count(*) FROM `+table); err != nil || n != 0 {
				t.Errorf("%d rows are left of %s, %v", n, table, err)
			}
		}
	})
}
