package gateway

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/keyporter/keyporter"
)

// The headers that describe a refusal to nginx.
const (
	refusalHeader       = keyporter.OwnHeaderPrefix + "Refusal"        // the body, one line
	refusalStatusHeader = keyporter.OwnHeaderPrefix + "Refusal-Status" // the status
	refusalTypeHeader   = keyporter.OwnHeaderPrefix + "Refusal-Type"   // the content type of the body
)

// answerNginx translates the answer of ask for nginx. auth_request only knows the refusals 401 and
// 403, treats every other status as a fault, and discards bodies. So each refusal becomes a 403
// with headers that say what to send to the client.
func answerNginx(w http.ResponseWriter, ask func(http.ResponseWriter)) {
	a := nginxAnswer{ResponseWriter: w}
	ask(&a)
	if a.status == 0 {
		return // it was 200, and is sent
	}
	h := w.Header()
	h.Set(refusalStatusHeader, strconv.Itoa(a.status))
	h.Set(refusalHeader, string(bytes.TrimSpace(a.body.Bytes()))) // one line of JSON, see write
	h.Set(refusalTypeHeader, h.Get("Content-Type"))
	h.Del("Content-Type")
	w.WriteHeader(http.StatusForbidden)
}

// nginxAnswer sends a 200 as it is, and keeps status and body of a refusal.
type nginxAnswer struct {
	http.ResponseWriter

	status int // 0: none yet, or 200
	body   bytes.Buffer
}

// WriteHeader sends 200, and keeps any other status.
func (a *nginxAnswer) WriteHeader(status int) {
	if status == http.StatusOK {
		a.ResponseWriter.WriteHeader(status)
	} else if a.status == 0 {
		a.status = status
	}
}

// Write keeps the body of a refusal.
func (a *nginxAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

// answer records an answer, for adapters that have to translate it. The zero value is empty.
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
