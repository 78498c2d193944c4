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

// EachDatabase runs test on a new SQLite file and on a new PostgreSQL database, as two
// subtests at once. Both have the current schema. url is what store.Open takes.
//
// With the race detector, only PostgreSQL is used: SQLite is C that was translated to Go, and
// with the detector takes most of the time of a test while none of our goroutines meet in it.
// Tests that are about the databases use EachOfBoth.
func EachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	if Racing {
		t.Run("postgres", func(t *testing.T) {
			t.Parallel()
			test(t, postgres.New(t))
		})
		return
	}
	EachOfBoth(t, test)
}

// EachOfBoth is EachDatabase on both databases, also with the race detector.
func EachOfBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	each(t, SQLite, postgres.New, test)
}

// EachEmptyDatabase is EachOfBoth with databases that have nothing in them, not even a schema.
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

// Database returns a database for a test that is about neither of the two: SQLite, which is
// quicker to make, and PostgreSQL with the race detector.
func Database(t testing.TB) string {
	t.Helper()
	if Racing {
		return postgres.New(t)
	}
	return SQLite(t)
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
