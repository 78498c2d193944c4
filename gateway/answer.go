package gateway

import (
	"bytes"
	"net/http"
)

// answer records an answer, for adapters that have to translate it. The zero value is empty, and has headers
// of its own.
type answer struct {
	header http.Header
	status int // 0: none yet
	body   bytes.Buffer
}

// Header returns the headers of the answer.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader sets the status. Only the first call counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write appends to the body.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
