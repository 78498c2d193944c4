// Package esign is a small e-signature API behind Keyporter's gateway: an example of what remains
// to be done by an API that doesn't check credentials itself. It owns envelopes, drafts, templates,
// and files, in its own SQLite file and a folder next to it. It takes the identity headers' word
// for who is calling (caller.go); credentials, roles, and refusals are Keyporter's. So only the
// gateway must be able to reach it.
package esign

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
)

// Version is the answer of the version endpoints.
const Version = "1.0.0"

// maxUpload is the maximum size of an upload in bytes.
const maxUpload = 100 << 20

// Service is the API. It is safe for concurrent use.
type Service struct {
	db    *sql.DB
	files *os.Root // uploads, each named after its ID
	mux   *http.ServeMux
	log   *slog.Logger

	maxUpload int64
}

// Open opens the SQLite file at path, and the folder for uploads next to it, which has the same
// name with ".files" appended. It creates whichever is missing.
func Open(ctx context.Context, path string) (*Service, error) {
	s := &Service{log: slog.Default(), maxUpload: maxUpload}
	s.mux = s.newMux()
	folder := path + ".files"
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for uploads: %w", err)
	}
	var err error
	if s.files, err = os.OpenRoot(folder); err != nil {
		return nil, fmt.Errorf("open the folder for uploads: %w", err)
	}
	if s.db, err = openDB(ctx, path); err != nil {
		_ = s.files.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.sweep(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("delete old uploads: %w", err), s.Close())
	}
	return s, nil
}

// Close closes the database and the folder. No call may still be running.
func (s *Service) Close() error {
	return errors.Join(s.db.Close(), s.files.Close())
}
