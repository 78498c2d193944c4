package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// TestTwoNodesWriteCountsInOppositeOrders expects them never to wait for each other in a circle, even while the tokens are
// changed in both orders, too.
// COUNTS_FOR=1m runs it for a minute instead of a few rounds.
func TestTwoNodesWriteCountsInOppositeOrders(t *testing.T) {
	t.Parallel()
	url := postgres.New(t)
	here, there := open(t, url), open(t, url)
	ada, _, _ := acme(t, here)
	const tokens, agents = 600, 3
	var uses []store.Use
	var ids []keyporter.ID
	do(t, here, func(tx *store.Tx) error {
		for i := range tokens {
			token := keyporter.Token{ID: keyporter.NewID(noon), OrganizationID: ada.OrganizationID, OwnerID: ada.ID, Kind: keyporter.OrganizationToken, Name: fmt.Sprint("t", i)}
			if err := tx.InsertToken(t.Context(), token, keyporter.NewSecret(keyporter.SecretOrganizationToken).Hash()); err != nil {
				return err
			}
			ids = append(ids, token.ID)
			for agent := range agents {
				uses = append(uses, store.Use{CredentialID: token.ID, ActedFor: ada.Login, ClientUse: keyporter.ClientUse{Agent: fmt.Sprint("agent", agent), LastAt: noon, Allowed: 1}})
			}
		}
		return nil
	})
	before := deadlocks(t, url)
	opposite := slices.Clone(uses)
	slices.Reverse(opposite)
	end := time.Now()
	if long, err := time.ParseDuration(os.Getenv("COUNTS_FOR")); err == nil {
		end = end.Add(long)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	written := 0
	for db, uses := range map[*store.DB][]store.Use{here: uses, there: opposite} {
		all.Go(func() {
			for round := 0; round < 3 || time.Now().Before(end); round++ {
				if err := db.Do(t.Context(), func(tx *store.Tx) error { return tx.AddUses(t.Context(), store.Batch{Uses: uses}) }); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				written++
				mu.Unlock()
			}
		})
		slices.Reverse(ids)
		ids := slices.Clone(ids)
		all.Go(func() {
			for round := range 6 {
				if err := db.Do(t.Context(), func(tx *store.Tx) error {
					return errors.Join(tx.LockTokens(t.Context(), ids), tx.SetTokensEnabled(t.Context(), ids, round%2 == 0, time.Now()))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range tokens {
		id := uses[i*agents].CredentialID
		use, err := here.UseOf(t.Context(), id, noon)
		if err != nil || use.Allowed != written*agents || len(use.Clients) != agents || len(use.ActedFor) != 1 || use.ActedFor[0].Calls != written*agents {
			t.Fatalf("%d rounds: %+v, %v", written, use, err)
		}
	}
	for _, db := range []*store.DB{here, there} { // then the server has the numbers of their connections
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := deadlocks(t, url) - before; n != 0 {
		t.Errorf("%d deadlocks in %d rounds", n, written)
	}
	t.Logf("%d rounds", written)
}

func deadlocks(t *testing.T, url string) int {
	t.Helper()
	db := open(t, url)
	n, err := db.Int(t.Context(), `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNoCountsOutliveTheirCredential has counts written while what they count is deleted, in both orders.
func TestNoCountsOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	url := postgres.New(t)
	here, there := open(t, url), open(t, url)
	conn := connected(t, here)
	deletions := []struct {
		what   keyporter.ID
		delete func(*store.Tx) error
	}{
		{"token", func(tx *store.Tx) error {
			return errors.Join(tx.DeleteToken(t.Context(), "token", noon), tx.ForgetDeletedToken(t.Context(), "token"))
		}},
		{conn.ID, func(tx *store.Tx) error { return tx.DeleteConnection(t.Context(), conn.ID, noon) }},
		{conn.AppID, func(tx *store.Tx) error { return tx.DeleteApp(t.Context(), conn.AppID, noon) }},
	}
	for _, d := range deletions {
		count := func(tx *store.Tx) error { return countOnce(t, tx, d.what) }
		for i, order := range [][2]func(*store.Tx) error{{count, d.delete}, {d.delete, count}} {
			name := []string{"counted first", "deleted first"}[i]
			undo := errors.New("undo")
			second := make(chan error, 1)
			err := here.Do(t.Context(), func(tx *store.Tx) error {
				if err := order[0](tx); err != nil {
					return err
				}
				go func() {
					second <- there.Do(t.Context(), func(tx *store.Tx) error {
						err := order[1](tx)
						if use, _ := tx.UseOf(t.Context(), d.what, noon); err == nil && len(use.Clients) > 0 {
							t.Errorf("%s, %s: %d calls remain", d.what, name, use.Allowed)
						}
						return cmp.Or(err, undo)
					})
				}()
				keyportertest.Eventually(t, "the second waits for the first", func() bool {
					n, err := here.Int(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`)
					return err == nil && n > 0
				})
				return nil
			})
			if err2 := <-second; err != nil || !errors.Is(err2, undo) {
				t.Errorf("%s, %s: %v, %v", d.what, name, err, err2)
			}
		}
	}
}

// TestNoCountsOutliveAConnectionMadeMeanwhile deletes an app while someone connects it, which the deletion can't see yet.
func TestNoCountsOutliveAConnectionMadeMeanwhile(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		here, there := open(t, url), open(t, url)
		conn := connected(t, here)
		do(t, here, func(tx *store.Tx) error { return tx.DeleteConnection(t.Context(), conn.ID, noon) })
		deleted := make(chan error, 1)
		do(t, here, func(tx *store.Tx) error {
			conn.ID = "again"
			if _, err := tx.PutConnection(t.Context(), conn); err != nil {
				return err
			}
			go func() {
				deleted <- there.Do(t.Context(), func(tx *store.Tx) error { return tx.DeleteApp(t.Context(), conn.AppID, noon) })
			}()
			if store.IsPostgres(url) { // SQLite has one writer
				keyportertest.Eventually(t, "the deletion waits for the connection", func() bool {
					n, err := here.Int(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`)
					return err == nil && n > 0
				})
			}
			return countOnce(t, tx, conn.ID)
		})
		if err := <-deleted; err != nil {
			t.Error(err)
		}
		nothingCounted(t, here, noon)
	})
}

// TestNoCountsOutliveAnAppThatNobodyApproved has an app that changed its registration wait for approval again, until
// it is deleted with its connections.
func TestNoCountsOutliveAnAppThatNobodyApproved(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		conn := connected(t, db)
		do(t, db, func(tx *store.Tx) error {
			return errors.Join(countOnce(t, tx, conn.ID), countOnce(t, tx, conn.AppID),
				tx.Exec(t.Context(), `UPDATE apps SET dynamic = TRUE, state = 'quarantined' WHERE id = $1`, conn.AppID))
		})
		app, err := db.AppByID(t.Context(), conn.AppID)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Prune(t.Context(), app.CreatedAt.AddDate(0, 0, 29)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.AppByID(t.Context(), conn.AppID); err != nil {
			t.Errorf("it waits for 30 days: %v", err)
		}
		if err := db.Prune(t.Context(), app.CreatedAt.AddDate(0, 0, 31)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.AppByID(t.Context(), conn.AppID); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("it still waits: %v", err)
		}
		nothingCounted(t, db, app.CreatedAt.AddDate(0, 0, 31))
	})
}

func countOnce(t *testing.T, tx *store.Tx, credential keyporter.ID) error {
	t.Helper()
	return errors.Join(
		tx.AddUses(t.Context(), store.Batch{
			Uses:   []store.Use{{CredentialID: credential, ClientUse: keyporter.ClientUse{Agent: "curl/8", LastAt: noon, Allowed: 1}}},
			Routes: []store.RouteUse{{CredentialID: credential, LastAt: noon, Counts: keyporter.Counts{Allowed: 1}}},
			Calls:  []store.Call{{CredentialID: credential, Call: keyporter.Call{At: noon}}},
		}),
		tx.AddRefusals(t.Context(), []keyporter.RefusedCall{{ID: keyporter.NewID(noon), CredentialID: credential, At: noon}}))
}

// nothingCounted expects no counts, and no refused calls once what ended now is forgotten.
func nothingCounted(t *testing.T, db *store.DB, now time.Time) {
	t.Helper()
	empty := func(tables ...string) {
		t.Helper()
		for _, table := range tables {
			if n, err := db.Int(t.Context(), `SELECT count(*) FROM `+table); n != 0 || err != nil {
				t.Errorf("%d rows remain in %s, %v", n, table, err)
			}
		}
	}
	empty("credential_hours", "credential_clients", "credential_days", "credential_routes", "credential_calls")
	prune(t, db, now.Add(keyporter.RestoreWithin))
	empty("credential_refusals", "ended_credentials")
}
