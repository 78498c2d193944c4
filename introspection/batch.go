package introspection

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

const (
	maxBatch      = 1000    // rows of a request
	maxBatchBytes = 1 << 20 // of its body
)

// readJSON reads a body that is one JSON object. It refuses fields that in doesn't have, so that
// a misspelled one isn't silently ignored.
func readJSON(w http.ResponseWriter, r *http.Request, in any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return web.Invalid("The body must be application/json.")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBatchBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return web.Invalid(misread(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return web.Invalid("The JSON object is followed by more data.")
	}
	return nil
}

// misread returns what is wrong with a body, without quoting any of it.
func misread(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "The body has a value of the wrong kind in " + e.Field + "."
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return fmt.Sprintf("The body is longer than %d KiB.", maxBatchBytes>>10)
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return "The body has an unknown field."
	}
	return "The body isn't JSON."
}

// batch is many questions at once, with what an app proves its identity with, unless it does so
// in the Authorization header.
type batch struct {
	Tokens []question `json:"tokens"`

	ClientID      string `json:"client_id"`
	ClientSecret  string `json:"client_secret"`
	AssertionType string `json:"client_assertion_type"`
	Assertion     string `json:"client_assertion"`
}

func (b *batch) authentication() (url.Values, error) {
	return web.CheckParameters(url.Values{
		"client_id": {b.ClientID}, "client_secret": {b.ClientSecret}, "client_assertion_type": {b.AssertionType}, "client_assertion": {b.Assertion},
	})
}

// introspectBatch answers about many credentials as introspect does about one, in the order of
// the questions. If one can't be answered, none is.
func (s *server) introspectBatch(w http.ResponseWriter, r *http.Request) error {
	var in batch
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	proof, err := in.authentication()
	if err != nil {
		return err
	}
	who, err := s.asker(r, proof)
	if err != nil {
		return err
	}
	if in.Tokens == nil || len(in.Tokens) > maxBatch {
		return web.Invalid(fmt.Sprintf("tokens must be a list of up to %d.", maxBatch))
	}
	all := make([]verify.Question, len(in.Tokens))
	for i, q := range in.Tokens {
		if all[i], err = s.asked(who, q); err != nil {
			return err
		}
	}
	out := struct {
		Tokens []introspection `json:"tokens"`
	}{make([]introspection, len(in.Tokens))}
	for i, q := range all {
		if out.Tokens[i], err = s.inspect(r.Context(), who, q); err != nil {
			return err
		}
	}
	web.WriteJSON(w, http.StatusOK, out)
	return nil
}
