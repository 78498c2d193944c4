package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"net/http"
	"sync/atomic"

	"github.com/keyporter/keyporter"
)

var (
	requestBase  = newRequestBase()
	requestCount atomic.Uint64
	requestText  = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
)

func newRequestBase() (b [8]byte) {
	_, _ = rand.Read(b[:]) // rand.Read never fails
	return b
}

// NewRequestID returns an ID of 24 characters that is unique across all processes: 64 random bits
// for this process, and a count. It is for looking up requests, and isn't secret.
func NewRequestID() string {
	var b [15]byte
	copy(b[:], requestBase[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], requestCount.Add(1))
	copy(b[8:], n[1:])
	var text [24]byte
	requestText.Encode(text[:], b[:])
	return string(text[:])
}

type requestIDKey struct{}

// WithRequestID gives each request an ID, and puts it in a header of the response.
func WithRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := NewRequestID()
		w.Header().Set(keyporter.HeaderRequestID, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// RequestID returns the ID of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
