package store_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// TestAPoolerMustPoolBySession opens a database through PgBouncer, which must survive it.
func TestAPoolerMustPoolBySession(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "statement"} {
		for what, busy := range map[string]bool{"": false, " with others": true} {
			t.Run(mode+what, func(t *testing.T) {
				t.Parallel()
				url := postgres.Bouncer(t, postgres.New(t), mode)
				if busy {
					others(t, url)
				}
				_, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
				if keyporter.KindOf(err) != keyporter.Conflict || !strings.Contains(keyporter.MessageOf(err), "pool_mode=session") {
					t.Errorf("Open = %v", err)
				}
			})
		}
	}
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		url := postgres.New(t)
		db, other := open(t, postgres.Bouncer(t, url, "session")), open(t, url)
		_, token, _ := acme(t, db)
		heard := &follower{}
		db.Follow(heard)
		listening, stop := context.WithCancel(t.Context())
		defer stop()
		go db.Listen(listening)
		keyportertest.Eventually(t, "it hears", db.Hears)
		if err := rename(t.Context(), other, token, "Renamed"); err != nil {
			t.Fatal(err)
		}
		keyportertest.Eventually(t, "it hears of the change", func() bool { return heard.changes.Load() > 0 })
		if err := rename(t.Context(), db, token, "Again"); err != nil {
			t.Error(err)
		}
	})
}

// others has other programs use the pooler until the test ends.
func others(t *testing.T, url string) {
	t.Helper()
	for range 3 {
		conn, err := pgconn.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				_, _ = conn.Exec(ctx, `SELECT pg_sleep(0.001)`).ReadAll()
				time.Sleep(time.Millisecond)
			}
		}()
		t.Cleanup(func() {
			stop()
			<-done
			_ = conn.Close(context.Background())
		})
	}
}
