package oauth

import (
	"bytes"
	"net/http"
)

// recorder keeps an answer of the library, until it is known whether that goes out.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

func (r *recorder) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", r.header.Get("Content-Type")) // the rest is ours to say
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the client is gone, or it works
}
