package introspection

import (
	"bytes"
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
	maxBatch      = 1000     // rows of a request
	maxBatchBytes = 1 << 20  // of its body
	maxProofBytes = 64 << 10 // of a body that says who asks
)

// rows is a list of up to maxBatch. Of a longer one, it keeps one more, because a body has room
// for hundreds of thousands of empty rows.
type rows[T any] []T

// UnmarshalJSON reads the list row by row.
func (all *rows[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return err // null isn't a list, and neither is anything else
	}
	for *all = (rows[T]{}); d.More() && len(*all) <= maxBatch; {
		var row T
		if err := d.Decode(&row); err != nil {
			return err
		}
		*all = append(*all, row)
	}
	return nil
}

// readJSON reads a body that is one JSON object, of up to limit bytes. It refuses fields that in
// doesn't have, so that a misspelled one isn't silently ignored.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, in any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return web.Invalid("The body must be application/json.")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
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
	if e, long := errors.AsType[*http.MaxBytesError](err); long {
		text := fmt.Sprintf("The body is longer than %d KiB.", e.Limit>>10)
		if e.Limit == maxProofBytes {
			text += " To send more, authenticate in the Authorization header."
		}
		return text
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return "The body has an unknown field."
	}
	return "The body isn't JSON."
}

// batch is many questions at once, with what an app proves its identity with, unless it does so
// in the Authorization header.
type batch struct {
	Tokens rows[question] `json:"tokens"`

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
// the questions. If one can't be answered, none is. A long body is read only after the
// Authorization header has said who asks.
func (s *server) introspectBatch(w http.ResponseWriter, r *http.Request) error {
	who, known, err := s.askerInHeader(r)
	if err != nil {
		return err
	}
	limit := int64(maxProofBytes)
	if known {
		limit = maxBatchBytes
	}
	var in batch
	if err := readJSON(w, r, limit, &in); err != nil {
		return err
	}
	proof, err := in.authentication()
	if err == nil && known {
		err = onlyInHeader(r, proof)
	} else if err == nil {
		who, err = s.asker(r, proof)
	}
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
	if err := s.Checker.Prefetch(r.Context(), all); err != nil {
		return err
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
