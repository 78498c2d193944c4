package keyportertest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/keyporter/keyporter/keyportertest/postgres"
	"github.com/keyporter/keyporter/store"
)

// EachDatabase runs test on a new SQLite file and on a new PostgreSQL database, as two parallel
// subtests. Both have the current schema. url is what store.Open takes.
func EachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	each(t, SQLite, postgres.New, test)
}

// EachEmptyDatabase is EachDatabase with databases that don't even have a schema.
func EachEmptyDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	each(t, EmptySQLite, postgres.Empty, test)
}

func each(t *testing.T, sqlite, postgres func(testing.TB) string, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqlite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgres(t))
	})
}

// SQLite returns the path of a new database file with the current schema.
func SQLite(t testing.TB) string {
	t.Helper()
	content, err := sqliteTemplate()
	if err != nil {
		t.Fatalf("make a database with the current schema: %v", err)
	}
	path := EmptySQLite(t)
	write(t, path, string(content))
	return path
}

// EmptySQLite returns the path of a database file that doesn't exist yet.
func EmptySQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "keyporter.db")
}

// sqliteTemplate is the content of a database file with the current schema.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "keyporter-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "keyporter.db")
	db, err := store.Open(context.Background(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // moves everything into the one file
		return nil, err
	}
	return os.ReadFile(path)
})
