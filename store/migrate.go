package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/keyporter/keyporter"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schema says which schema the database has, and which this program needs.
type schema struct {
	current int // 0: the database is empty
	oldest  int // the oldest program that may run on it, by the schema that it needs
	target  int // what this program needs
}

// fits returns nil if the program can run on the schema, or once it has applied the migrations that the
// schema lacks. It refuses a newer one, unless that is made for programs like this one, too.
func (s schema) fits() error {
	if s.current > s.target && s.oldest > s.target {
		return keyporter.Refuse(keyporter.Conflict, fmt.Sprintf(
			"The database has schema %d, but this Keyporter only knows schemas up to %d. Run a newer Keyporter or restore a backup.", s.current, s.target))
	}
	return nil
}

func (db *DB) schema(ctx context.Context) (s schema, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return s, err
	}
	number, _, _ := strings.Cut(path.Base(files[len(files)-1]), "_")
	if s.target, err = strconv.Atoi(number); err != nil {
		return s, err
	}
	s.current, err = one(ctx, db.q, scanInt, `SELECT coalesce(max(version_id), 0) FROM goose_db_version`)
	if isNoTable(err) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.oldest, err = one(ctx, db.q, scanInt, `SELECT oldest FROM schema_range`)
	if isNoTable(err) { // an older schema doesn't have it
		s.oldest, err = s.current, nil
	}
	return s, err
}

// migrate applies the migrations the database lacks.
func (db *DB) migrate(ctx context.Context) error {
	s, err := db.schema(ctx)
	if err == nil {
		err = s.fits()
	}
	if err != nil || s.current > s.target {
		return err
	}
	p, err := db.migrator()
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	if err != nil && db.pools == nil {
		_, err = p.Up(ctx) // another process may have migrated at the same time: SQLite has no lock for the whole migration
	}
	if err != nil {
		return err
	}
	return db.renewNameKeys(ctx)
}

// isMigrated returns an error unless the database has the tables that this program needs.
func (db *DB) isMigrated(ctx context.Context) error {
	s, err := db.schema(ctx)
	switch {
	case err != nil:
		return err
	case s.current == 0:
		return keyporter.Refuse(keyporter.Conflict, "The database has no tables yet. Create them with “keyporter migrate”, or start “keyporter serve”.")
	case s.current < s.target:
		return keyporter.Refuse(keyporter.Conflict, fmt.Sprintf(
			"The database has schema %d, and this Keyporter needs %d. Bring it up to date with “keyporter migrate”, or by restarting “keyporter serve” with this version.", s.current, s.target))
	}
	return s.fits()
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
