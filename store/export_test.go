package store

import "context"

// SetSchemaVersion pretends that a newer release has used the database.
func (tx *Tx) SetSchemaVersion(ctx context.Context, v int) error {
	_, err := tx.exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, v, true)
	return err
}

// LimitPages makes SQLite think that the disk is almost full.
func (tx *Tx) LimitPages(ctx context.Context) error {
	_, err := tx.exec(ctx, `PRAGMA max_page_count = 1`) // SQLite raises it to the number of existing pages
	return err
}
