package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestALineOfWritersMakesNoNodeDeaf has more changes wait than can be made while a node may be silent.
// It must keep hearing other nodes, and look up credentials meanwhile.
func TestALineOfWritersMakesNoNodeDeaf(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		_, token, secret := acme(t, db)
		listening, stop := context.WithCancel(t.Context())
		defer stop()
		go db.Listen(listening)
		keyportertest.Eventually(t, "it hears", db.Hears)

		ctx, cancel := context.WithTimeout(t.Context(), 2*store.Silence)
		defer cancel()
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				for ctx.Err() == nil {
					_ = db.Do(ctx, func(*store.Tx) error {
						time.Sleep(50 * time.Millisecond)
						return nil
					})
				}
			})
		}
		found, deaf := 0, 0
		for ctx.Err() == nil {
			if !db.Hears() { // a heartbeat may be late, but not all of them
				deaf++
			}
			c, err := db.CredentialsByHash(ctx, []keyporter.SecretHash{secret.Hash()})
			if err != nil || len(c) != 1 {
				continue
			}
			if all, err := db.SecretHashesOf(ctx, token.ID); err != nil || len(all) != 1 {
				continue
			}
			proof := keyporter.NewSecret(keyporter.SecretGateway).Hash() // any
			if fresh, err := db.UseProof(ctx, proof, time.Now().Add(time.Minute)); err == nil && fresh {
				found++
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		all.Wait()
		if found < 10 || deaf > found/4 {
			t.Errorf("it answered %d calls, and was deaf %d times", found, deaf)
		}
	})
}
