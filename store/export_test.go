package store

import "context"

// SetSchemaVersion pretends that a newer program was here.
func (tx *Tx) SetSchemaVersion(ctx context.Context, v int) error {
	_, err := tx.exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, v, true)
	return err
}

// LimitPages has SQLite think that the disk is full soon.
func (tx *Tx) LimitPages(ctx context.Context) error {
	_, err := tx.exec(ctx, `PRAGMA max_page_count = 1`) // as many as there are, but not more
	return err
}
