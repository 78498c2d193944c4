package gateway

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"

	"github.com/keyporter/keyporter"
)

// The headers in which nginx is told a refusal.
const (
	refusalHeader       = keyporter.OwnHeaderPrefix + "Refusal"        // the body, one line
	refusalStatusHeader = keyporter.OwnHeaderPrefix + "Refusal-Status" // the status
	refusalTypeHeader   = keyporter.OwnHeaderPrefix + "Refusal-Type"   // the type of the body
)

// answerNginx has ask answer, and tells nginx what that was in its own way. auth_request
// knows two refusals, 401 and 403, takes any other for a fault, and throws bodies away.
// So each refusal is a 403 whose headers say what the client has to get.
func answerNginx(w http.ResponseWriter, ask func(http.ResponseWriter)) {
	var a answer
	ask(&a)
	h := w.Header()
	maps.Copy(h, a.Header())
	if a.status == http.StatusOK {
		w.WriteHeader(http.StatusOK)
		return
	}
	h.Set(refusalStatusHeader, strconv.Itoa(a.status))
	h.Set(refusalHeader, string(bytes.TrimSpace(a.body.Bytes()))) // JSON in one line, see write
	h.Set(refusalTypeHeader, h.Get("Content-Type"))
	h.Del("Content-Type")
	w.WriteHeader(http.StatusForbidden)
}

// answer keeps an answer, for adapters that have to say it in another way. The zero value is empty.
type answer struct {
	header http.Header
	status int // 0: none yet
	body   bytes.Buffer
}

// Header has the headers of the answer.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader sets the status; the first one counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write adds to the body.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
