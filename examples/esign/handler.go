package esign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// handler answers a call. It either writes an answer or returns an error.
type handler func(w http.ResponseWriter, r *http.Request, c Caller) error

// maxBody is the maximum size of a JSON body in bytes.
const maxBody = 1 << 20

// Answers without a body.
type (
	empty     struct{} // 200
	noContent struct{} // 204
)

// takesBody returns a handler that passes the JSON body to f and writes its answer as JSON.
func takesBody[Q, A any](f func(context.Context, Caller, Q) (A, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, c Caller) error {
		q, err := read[Q](w, r)
		if err != nil {
			return err
		}
		a, err := f(r.Context(), c, q)
		return write(w, a, err)
	}
}

// takesID returns a handler that passes the ID in the path to f and writes its answer as JSON.
func takesID[A any](f func(context.Context, Caller, string) (A, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, c Caller) error {
		a, err := f(r.Context(), c, r.PathValue("id"))
		return write(w, a, err)
	}
}

// takesNothing returns a handler for f, which only needs to know the caller.
func takesNothing[A any](f func(Caller) A) handler {
	return func(w http.ResponseWriter, _ *http.Request, c Caller) error { return write(w, f(c), nil) }
}

// read decodes the body. It ignores members it doesn't know: clients of this kind of API send
// dozens of settings, and an example needs few.
func read[Q any](w http.ResponseWriter, r *http.Request) (q Q, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return q, errTooLong
	case err != nil:
		return q, invalid("The body can't be read to the end.")
	case json.Unmarshal(body, &q) != nil:
		return q, invalid("The body isn't the expected JSON.")
	}
	return q, nil
}

// write answers with a, or returns err if it isn't nil.
func write(w http.ResponseWriter, a any, err error) error {
	switch a.(type) {
	case empty:
		return err
	case noContent:
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		return err
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a)
}

func writeJSON(w http.ResponseWriter, status int, a any) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client is gone
	return nil
}
