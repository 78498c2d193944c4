package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/keyporter/keyporter"
)

// pageTime is how long a browser may take to send a form, and to read what it is
// answered: both are small. An API may take its time over a body.
const pageTime = 30 * time.Second

// hurried cuts off who sends or reads so slowly that he holds a connection for longer.
func hurried(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end, conn := time.Now().Add(limit), http.NewResponseController(w)
		_, _ = conn.SetReadDeadline(end), conn.SetWriteDeadline(end)
		next.ServeHTTP(w, r)
	})
}

// reported logs a panic as the fault of ours that it is: the server would put it among
// what clients do wrong. The connection breaks off, since half of an answer may be sent.
func reported(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			// With ErrAbortHandler the proxy breaks off when an API does.
			if err, ok := fault.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				log.Error("panic", "request_id", w.Header().Get(keyporter.HeaderRequestID), "error", fmt.Sprint(fault), "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}
