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
	h := w.Header()
	a := answer{header: h}
	ask(&a)
	if a.status != http.StatusOK {
		h.Set(refusalStatusHeader, strconv.Itoa(a.status))
		h.Set(refusalHeader, string(bytes.TrimSpace(a.body.Bytes()))) // one line of JSON, see write
		h.Set(refusalTypeHeader, h.Get("Content-Type"))
		h.Del("Content-Type")
		a.status = http.StatusForbidden
	}
	w.WriteHeader(a.status)
}
