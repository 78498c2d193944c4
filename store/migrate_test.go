package store_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

func TestAnOlderProgramLeavesANewerSchemaAlone(t *testing.T) {
	t.Parallel()
	keyportertest.EachOfBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		for what, open := range map[string]func() (*store.DB, error){
			"Open":         func() (*store.DB, error) { return store.Open(t.Context(), url, slog.New(slog.DiscardHandler)) },
			"OpenMigrated": func() (*store.DB, error) { return store.OpenMigrated(t.Context(), url, slog.New(slog.DiscardHandler)) },
		} {
			for oldest, fits := range map[int]bool{1: true, 11: true, 98: false, 99: false} {
				do(t, db, func(tx *store.Tx) error { return tx.SetSchemaVersion(t.Context(), 99, oldest) })
				again, err := open()
				if err == nil {
					_ = again.Close()
				}
				if (err == nil) != fits || err != nil && !strings.Contains(err.Error(), "The database has schema 99") {
					t.Errorf("%s on a schema for programs since %d: %v", what, oldest, err)
				}
			}
		}
	})
}

// TestCommandsDoNotMigrate opens databases whose schema is missing or older.
func TestCommandsDoNotMigrate(t *testing.T) {
	t.Parallel()
	keyportertest.EachEmptyDatabase(t, func(t *testing.T, url string) {
		for range 2 { // the first try changes nothing
			if _, err := store.OpenMigrated(t.Context(), url, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "keyporter migrate") {
				t.Errorf("without tables: %v", err)
			}
		}
		db := open(t, url)
		do(t, db, func(tx *store.Tx) error { return tx.ForgetMigration(t.Context()) })
		if _, err := store.OpenMigrated(t.Context(), url, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "keyporter migrate") {
			t.Errorf("with an older schema: %v", err)
		}
	})
}
