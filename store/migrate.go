package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/keyporter/keyporter"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the migrations the database lacks. It refuses a database with a newer schema:
// an older release must not write what it doesn't understand.
func (db *DB) migrate(ctx context.Context) error {
	p, err := db.migrator()
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return keyporter.Refuse(keyporter.Conflict, fmt.Sprintf(
			"The database has schema %d, but this Keyporter only knows schemas up to %d. Run a newer Keyporter or restore a backup.", current, target))
	}
	_, err = p.Up(ctx)
	if err != nil && db.pools == nil {
		_, err = p.Up(ctx) // another process may have migrated at the same time: SQLite has no lock for the whole migration
	}
	return err
}

func (db *DB) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.pools == nil {
		return goose.NewProvider(goose.DialectSQLite3, db.write, files, options...)
	}
	// Lock with a table instead of a session lock, because that also works through connection poolers.
	locker, err := lock.NewPostgresTableLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db.write, files, append(options, goose.WithLocker(locker))...)
}
