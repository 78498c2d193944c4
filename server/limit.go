package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// pageTimeout is how long a browser may take to send a form and to read the response, both of
// which are small. Calls to APIs have no such limit, because their bodies may be large.
const pageTimeout = 30 * time.Second

// answerTime is how long a page may take to find out what to say. A change may have several slow steps, and
// then the commit isn't answered: people must read that it may have been made, and not that the
// connection was reset.
const answerTime = pageTimeout - store.LookTime - 2*time.Second

// inTime ends the context of a request after answerTime.
func inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// withDeadline cuts off clients that send or read so slowly that they hold a connection longer
// than limit.
func withDeadline(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end, conn := time.Now().Add(limit), http.NewResponseController(w)
		_, _ = conn.SetReadDeadline(end), conn.SetWriteDeadline(end)
		next.ServeHTTP(w, r)
	})
}

// closeUnclear has the connection close after the answer to a request whose end someone in front of us
// may see elsewhere (RFC 9112 §6.1). Otherwise, what they take for its body could become the next request, of
// another client of theirs. That is so if a request in chunks also has a length, and if one of HTTP/1.0 comes in chunks. net/http
// answers both, but removes the headers that would show it. So it is done for all requests in chunks, and all of HTTP/1.0.
func closeUnclear(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// logPanics logs a panic as an error of Keyporter's. The server would log it as one of the
// clients' mistakes. It then breaks the connection, because half of the response may have
// been sent.
func logPanics(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			// ErrAbortHandler isn't a fault: the proxy panics with it when the API breaks off.
			if err, ok := fault.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				log.Error("panic", "request_id", w.Header().Get(keyporter.HeaderRequestID), "error", fmt.Sprint(fault), "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}
