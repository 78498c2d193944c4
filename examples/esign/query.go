package esign

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// insertEnvelope checks and stores e under a new ID. Files of other users count as unknown.
func (t tx) insertEnvelope(ctx context.Context, c Caller, e envelope, at time.Time) (id string, err error) {
	if err := e.check(); err != nil {
		return "", err
	}
	id = newID(at)
	if _, err := t.ExecContext(ctx, `
		INSERT INTO envelope (id, user_id, name, status, created_at)
		VALUES (?, ?, ?, ?, ?)`, id, c.UserID, e.name, e.status, at.UnixMilli()); err != nil {
		return "", fmt.Errorf("insert envelope: %w", err)
	}
	for i, f := range e.documents {
		known, err := t.changed(ctx, `
			INSERT INTO document (envelope_id, number, file_id)
			SELECT ?, ?, id FROM file WHERE id = ? AND user_id = ?`, id, i+1, f.id, c.UserID)
		if err != nil {
			return "", fmt.Errorf("insert document: %w", err)
		}
		if !known {
			return "", errNoFile
		}
	}
	for i, r := range e.recipients {
		if _, err := t.ExecContext(ctx, `
			INSERT INTO recipient (envelope_id, number, action, email, given_name, surname)
			VALUES (?, ?, ?, ?, ?, ?)`, id, i+1, r.action, r.email, r.givenName, r.surname); err != nil {
			return "", fmt.Errorf("insert recipient: %w", err)
		}
	}
	return id, nil
}

// envelope returns one of c's envelopes, drafts, or templates, with its documents and recipients.
func (t tx) envelope(ctx context.Context, c Caller, id string) (e envelope, err error) {
	all, err := list(ctx, t, scanEnvelope, `
		SELECT id, name, status, created_at
		FROM envelope WHERE id = ? AND user_id = ?`, id, c.UserID)
	if err != nil {
		return e, fmt.Errorf("read envelope: %w", err)
	}
	if len(all) == 0 {
		return e, errNoEnvelope
	}
	e = all[0]
	if e.documents, err = list(ctx, t, scanFile, `
		SELECT file.id, file.name, file.size
		FROM document JOIN file ON file.id = document.file_id
		WHERE document.envelope_id = ? ORDER BY document.number`, e.id); err != nil {
		return e, fmt.Errorf("read documents: %w", err)
	}
	if e.recipients, err = list(ctx, t, scanRecipient, `
		SELECT action, email, given_name, surname
		FROM recipient WHERE envelope_id = ? ORDER BY number`, e.id); err != nil {
		return e, fmt.Errorf("read recipients: %w", err)
	}
	return e, nil
}

func scanEnvelope(rows *sql.Rows) (e envelope, err error) {
	var at int64
	err = rows.Scan(&e.id, &e.name, &e.status, &at)
	e.createdAt = time.UnixMilli(at).UTC()
	return e, err
}

func scanRecipient(rows *sql.Rows) (r recipient, err error) {
	err = rows.Scan(&r.action, &r.email, &r.givenName, &r.surname)
	return r, err
}

// deleteEnvelope deletes an envelope, draft, or template that was just read.
func (t tx) deleteEnvelope(ctx context.Context, id string) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM envelope WHERE id = ?`, id); err != nil {
		return fmt.Errorf("delete envelope: %w", err)
	}
	return nil
}

func (t tx) insertFile(ctx context.Context, c Caller, f file, at time.Time) error {
	_, err := t.ExecContext(ctx, `
		INSERT INTO file (id, user_id, name, size, created_at)
		VALUES (?, ?, ?, ?, ?)`, f.id, c.UserID, f.name, f.size, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("insert file: %w", err)
	}
	return nil
}

// file returns one of c's files.
func (t tx) file(ctx context.Context, c Caller, id string) (file, error) {
	all, err := list(ctx, t, scanFile, `
		SELECT id, name, size
		FROM file WHERE id = ? AND user_id = ?`, id, c.UserID)
	if err != nil {
		return file{}, fmt.Errorf("read file: %w", err)
	}
	if len(all) == 0 {
		return file{}, errNoFile
	}
	return all[0], nil
}

func scanFile(rows *sql.Rows) (f file, err error) {
	err = rows.Scan(&f.id, &f.name, &f.size)
	return f, err
}

// filesBefore returns all users' files that were uploaded before a time.
func (t tx) filesBefore(ctx context.Context, before time.Time) ([]file, error) {
	all, err := list(ctx, t, scanFile, `
		SELECT id, name, size
		FROM file WHERE created_at < ? ORDER BY id`, before.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read files: %w", err)
	}
	return all, nil
}

// deleteUnusedFile deletes a file unless an envelope uses it, and reports whether it did.
func (t tx) deleteUnusedFile(ctx context.Context, id string) (bool, error) {
	gone, err := t.changed(ctx, `
		DELETE FROM file
		WHERE id = ? AND NOT EXISTS (SELECT 1 FROM document WHERE file_id = file.id)`, id)
	if err != nil {
		return false, fmt.Errorf("delete file: %w", err)
	}
	return gone, nil
}
