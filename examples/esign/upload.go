package esign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// receive stores an upload. It streams from the connection to disk: only a buffer of it is ever in
// memory, and no transaction waits for it.
func (s *Service) receive(w http.ResponseWriter, r *http.Request, c Caller) (id string, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, s.maxUpload)
	name, content, err := uploaded(r)
	if err != nil {
		return "", err
	}
	return s.store(r.Context(), c, name, content)
}

// store keeps a file for c and returns its ID.
func (s *Service) store(ctx context.Context, c Caller, name string, content io.Reader) (id string, err error) {
	f := file{id: newID(time.Now()), name: name}
	if f.size, err = s.keep(f.id, content); err == nil {
		err = s.do(ctx, func(t tx) error { return t.insertFile(ctx, c, f, time.Now()) })
	}
	if err != nil {
		_ = s.files.Remove(f.id)
		return "", err
	}
	return f.id, nil
}

// uploaded returns the file in a request: the part of a form, or the whole body.
func uploaded(r *http.Request) (name string, content io.Reader, err error) {
	if r.ContentLength == 0 {
		return "", nil, errEmptyFile
	}
	form, err := r.MultipartReader()
	switch {
	case errors.Is(err, http.ErrNotMultipart):
		name, err = attachmentName(r.Header.Get("Content-Disposition"))
		return name, r.Body, err
	case err != nil:
		return "", nil, invalid("The form has no boundary.")
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil, missing("The part File of the form")
		case err != nil:
			return "", nil, unreadable(err)
		}
		switch strings.ToLower(part.FormName()) { // clients use each of these names
		case "file", "attachment":
			name, err := attachmentName(part.Header.Get("Content-Disposition"))
			return name, part, err
		}
	}
}

// attachmentName returns the file name in a Content-Disposition (RFC 6266), without folders.
func attachmentName(disposition string) (string, error) {
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil {
		return "", errNoFileName
	}
	return plainName(params["filename"])
}

// plainName returns the name of a file without folders.
func plainName(name string) (string, error) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return "", errNoFileName
	}
	return name, nil
}

// keep writes content to disk and returns its size in bytes.
func (s *Service) keep(id string, content io.Reader) (size int64, err error) {
	f, err := s.files.OpenFile(id, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("make a file for the upload: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size, err = io.Copy(f, content); err != nil {
		return 0, unreadable(err)
	}
	if size == 0 {
		return 0, errEmptyFile
	}
	return size, f.Sync() // before a row says it exists
}

// unreadable says what is wrong with an upload that didn't arrive completely.
func unreadable(err error) error {
	var tooLong *http.MaxBytesError
	var disk *fs.PathError
	switch {
	case errors.As(err, &tooLong):
		return errTooBig
	case errors.As(err, &disk):
		return fmt.Errorf("keep the upload: %w", err)
	}
	return invalid("The upload can't be read to the end.")
}
