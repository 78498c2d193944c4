package esign

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"time"
)

// file is an upload. Its content is in the folder for uploads, named after its ID.
type file struct {
	id   string
	name string
	size int64
}

// download answers with one of c's files.
func (s *Service) download(w http.ResponseWriter, r *http.Request, c Caller) error {
	var f file
	err := s.do(r.Context(), func(t tx) (err error) {
		f, err = t.file(r.Context(), c, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	content, err := s.files.Open(f.id)
	if err != nil {
		return fmt.Errorf("open an upload: %w", err)
	}
	defer func() { _ = content.Close() }()
	h := w.Header()
	// An uploaded file must never be rendered as one of our pages.
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// keepUnused is how long an upload is kept if no envelope uses it.
const keepUnused = 24 * time.Hour

// sweep deletes uploads that nobody used for an envelope.
func (s *Service) sweep(ctx context.Context) error {
	return s.deleteFiles(ctx, func(t tx) ([]file, error) {
		return t.filesBefore(ctx, time.Now().Add(-keepUnused))
	})
}

// deleteFiles deletes those files returned by f that no envelope uses: first from the database,
// then from disk, so that a crash in between leaves unused content, but no dangling names.
func (s *Service) deleteFiles(ctx context.Context, f func(tx) ([]file, error)) error {
	var gone []string
	err := s.do(ctx, func(t tx) error {
		files, err := f(t)
		if err != nil {
			return err
		}
		for _, f := range files {
			unused, err := t.deleteUnusedFile(ctx, f.id)
			if err != nil {
				return err
			}
			if unused {
				gone = append(gone, f.id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		if err := s.files.Remove(id); err != nil {
			return fmt.Errorf("delete an upload: %w", err)
		}
	}
	return nil
}
