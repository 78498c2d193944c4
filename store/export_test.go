package store

import (
	"context"
	"errors"
	"time"

	"github.com/keyporter/keyporter"
)

// SetSchemaVersion pretends that a newer release has used the database, on which only programs since
// oldest can run.
func (tx *Tx) SetSchemaVersion(ctx context.Context, v, oldest int) error {
	_, err := tx.exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, v, true)
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE schema_range SET oldest = $1`, oldest)
	}
	return err
}

// ForgetMigration pretends that the last migration wasn't applied.
func (tx *Tx) ForgetMigration(ctx context.Context) error {
	_, err := tx.exec(ctx, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	return err
}

// SetName stores the name of a user or token with the key that another release has for it.
func (tx *Tx) SetName(ctx context.Context, id keyporter.ID, name, key string) error {
	_, userErr := tx.exec(ctx, `UPDATE users SET login = $2, login_key = $3 WHERE id = $1`, id, name, key)
	_, tokenErr := tx.exec(ctx, `UPDATE tokens SET name = $2, name_key = $3 WHERE id = $1`, id, name, key)
	return errors.Join(userErr, tokenErr)
}

// LimitPages makes SQLite think that the disk is almost full.
func (tx *Tx) LimitPages(ctx context.Context) error {
	_, err := tx.exec(ctx, `PRAGMA max_page_count = 1`) // SQLite raises it to the number of existing pages
	return err
}

// SetStepTime sets how long a step of a change may take.
func (db *DB) SetStepTime(d time.Duration) { db.stepTime = d }

// ForgetOpener makes a session look as if an earlier release had opened it.
func (tx *Tx) ForgetOpener(ctx context.Context, hash keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `UPDATE sessions SET opened_by = '' WHERE hash = $1`, hash[:])
	return err
}

// Int runs a query for one number.
func (db *DB) Int(ctx context.Context, query string, args ...any) (int, error) {
	return one(ctx, db.q, scanInt, query, args...)
}

// Exec runs a statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.exec(ctx, query, args...)
	return err
}

// PruneRows is how many rows are deleted at once.
const PruneRows = pruneRows
