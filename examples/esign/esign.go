// Package esign is a small e-signature API that stands behind Keyporter's gateway: an
// example of what is left to do for an API that does not check credentials itself.
//
// It owns envelopes, drafts, templates and files, in an SQLite file of its own and a folder
// beside it. Who calls, it believes the identity headers (caller.go), and nothing else:
// credentials, roles and refusals are Keyporter's. So it must not be reachable but through
// the gateway.
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

// Version is what the version endpoints answer.
const Version = "1.0.0"

// maxUpload is the size of the biggest upload, in bytes.
const maxUpload = 100 << 20

// Service is the API. It is safe for concurrent use.
type Service struct {
	db    *sql.DB
	files *os.Root // uploads, each under its id
	mux   *http.ServeMux
	log   *slog.Logger

	maxUpload int64
}

// Open opens the SQLite file at path, and the folder for uploads beside it, which is named
// as the file is with ".files" at the end. Both are made when they are missing.
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

// Close closes the database and the folder. No call may run any more.
func (s *Service) Close() error {
	return errors.Join(s.db.Close(), s.files.Close())
}
