package store_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// TestTwoNodesWriteCountsInOppositeOrders expects them never to wait for each other in a circle.
// COUNTS_FOR=1m runs it for a minute instead of a few rounds.
func TestTwoNodesWriteCountsInOppositeOrders(t *testing.T) {
	t.Parallel()
	url := postgres.New(t)
	here, there := open(t, url), open(t, url)
	ada, _, _ := acme(t, here)
	const tokens, agents = 600, 3
	var uses []store.Use
	do(t, here, func(tx *store.Tx) error {
		for i := range tokens {
			token := keyporter.Token{ID: keyporter.NewID(noon), OrganizationID: ada.OrganizationID, OwnerID: ada.ID, Kind: keyporter.OrganizationToken, Name: fmt.Sprint("t", i)}
			if err := tx.InsertToken(t.Context(), token, keyporter.NewSecret(keyporter.SecretOrganizationToken).Hash()); err != nil {
				return err
			}
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
				if err := db.Do(t.Context(), func(tx *store.Tx) error { return tx.AddUses(t.Context(), uses) }); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				written++
				mu.Unlock()
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
