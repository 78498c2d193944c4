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
		db, other := open(t, postgres.Bouncer(t, url, "session", "default_pool_size = 6")+"&pool_max_conns=2"), open(t, url)
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
	for size, open := range map[string]func(*testing.T, string) error{
		"default_pool_size = 1\nquery_wait_timeout = 1": openCommand,
		"default_pool_size = 5":                         openNode,
		"max_client_conn = 5":                           openNode,
	} {
		t.Run("session, "+size, func(t *testing.T) {
			t.Parallel()
			err := open(t, postgres.Bouncer(t, postgres.New(t), "session", size)+"&pool_max_conns=2")
			if keyporter.KindOf(err) != keyporter.Conflict || !strings.Contains(keyporter.MessageOf(err), "default_pool_size") || !strings.Contains(keyporter.MessageOf(err), " 6 ") {
				t.Errorf("Open = %v", err)
			}
		})
	}
	t.Run("session, all taken by another node", func(t *testing.T) {
		t.Parallel()
		url := postgres.Bouncer(t, postgres.New(t), "session", "default_pool_size = 6") + "&pool_max_conns=2"
		first := open(t, url)
		listening, stop := context.WithCancel(t.Context())
		defer stop()
		go first.Listen(listening)
		keyportertest.Eventually(t, "it hears", first.Hears)
		if err := openNode(t, url); err == nil || !strings.Contains(err.Error(), "all its connections are taken (a node holds up to 6)") || !store.IsUnreachable(err) {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("session, for commands only", func(t *testing.T) {
		t.Parallel()
		url := postgres.Bouncer(t, postgres.New(t), "session", "default_pool_size = 2") + "&pool_max_conns=2"
		for _, open := range []func(*testing.T, string) error{migrate, openCommand} {
			if err := open(t, url); err != nil {
				t.Error(err)
			}
		}
	})
}

func openNode(t *testing.T, url string) error {
	return closed(store.Open(t.Context(), url, slog.New(slog.DiscardHandler)))
}

func openCommand(t *testing.T, url string) error {
	return closed(store.OpenMigrated(t.Context(), url, slog.New(slog.DiscardHandler)))
}

func migrate(t *testing.T, url string) error {
	return store.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
}

func closed(db *store.DB, err error) error {
	if err != nil {
		return err
	}
	return db.Close()
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
