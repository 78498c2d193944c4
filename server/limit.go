package server

import (
	"net/http"
	"time"
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
