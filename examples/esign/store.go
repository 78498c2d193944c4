package esign

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Templates and drafts are envelopes that weren't sent: they only differ in status. Times are Unix
// milliseconds.
const schema = `
CREATE TABLE IF NOT EXISTS file (
	id         TEXT   NOT NULL PRIMARY KEY,
	user_id    TEXT   NOT NULL,
	name       TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS envelope (
	id         TEXT   NOT NULL PRIMARY KEY,
	user_id    TEXT   NOT NULL,
	name       TEXT   NOT NULL,
	status     TEXT   NOT NULL CHECK (status IN ('Template', 'Draft', 'Active', 'Completed', 'Canceled', 'Rejected', 'Expired')),
	created_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS envelope_of_user ON envelope (user_id, id);
CREATE TABLE IF NOT EXISTS document (
	envelope_id TEXT   NOT NULL REFERENCES envelope (id) ON DELETE CASCADE,
	number      BIGINT NOT NULL,
	file_id     TEXT   NOT NULL REFERENCES file (id),
	PRIMARY KEY (envelope_id, number)
);
CREATE INDEX IF NOT EXISTS document_of_file ON document (file_id);
CREATE TABLE IF NOT EXISTS recipient (
	envelope_id TEXT   NOT NULL REFERENCES envelope (id) ON DELETE CASCADE,
	number      BIGINT NOT NULL,
	action      TEXT   NOT NULL CHECK (action IN ('Sign', 'View', 'SendCopy')),
	email       TEXT   NOT NULL,
	given_name  TEXT   NOT NULL,
	surname     TEXT   NOT NULL,
	PRIMARY KEY (envelope_id, number)
);
CREATE TABLE IF NOT EXISTS seed (
	user_id   TEXT   NOT NULL PRIMARY KEY,
	seeded_at BIGINT NOT NULL
);`

// openDB opens a single connection: SQLite allows one writer at a time, and in an example, no
// reader minds waiting.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// The driver reads settings only from _pragma; it ignores _busy_timeout and the like.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() +
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// tx is a transaction. The queries are its methods, each next to what it is about.
type tx struct{ *sql.Tx }

// do runs f in a transaction, which it rolls back if f returns an error.
func (s *Service) do(ctx context.Context, f func(tx) error) error {
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // does nothing after Commit
	if err := f(tx{t}); err != nil {
		return err
	}
	return t.Commit()
}

// changed runs a statement and reports whether it changed a row.
func (t tx) changed(ctx context.Context, query string, args ...any) (bool, error) {
	res, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// list returns the rows of a query, each read by scan.
func list[T any](ctx context.Context, t tx, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []T{} // on the wire, an empty list is [], not null
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// newID returns a UUID of version 7 (RFC 9562 §5.7), whose first 60 bits are the time, to a quarter
// of a microsecond (§6.2, method 3), so sorting by ID sorts by age. It is a name, not a secret:
// what keeps strangers out is the user_id in every query.
func newID(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[8:]) // never fails, see crypto/rand
	fraction := at.Nanosecond() % 1e6 * 4096 / 1e6
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16|7<<12|uint64(fraction))
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
