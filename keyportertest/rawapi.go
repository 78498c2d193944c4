package keyportertest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// RawAPI is an API that keeps the bytes of the last call, and answers with bytes that a test sets.
type RawAPI struct {
	URL string

	got    atomic.Pointer[string]
	answer atomic.Pointer[string]
}

// NewRawAPI starts an API, which ends with the test.
func NewRawAPI(t testing.TB) *RawAPI {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	a := &RawAPI{URL: "http://" + l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go a.serve(conn)
		}
	}()
	return a
}

// Answers sets what the API answers with, and forgets the last call.
func (a *RawAPI) Answers(bytes string) {
	a.got.Store(nil)
	a.answer.Store(&bytes)
}

// Got returns the bytes of the last call, or "" if there was none.
func (a *RawAPI) Got() string {
	if got := a.got.Load(); got != nil {
		return *got
	}
	return ""
}

// serve answers one call and closes the connection.
func (a *RawAPI) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var raw bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
	if err != nil {
		return
	}
	_, err = io.Copy(io.Discard, r.Body)
	got := raw.String()
	if a.got.Store(&got); err != nil {
		return
	}
	answer := *a.answer.Load()
	if !strings.HasPrefix(answer, "HTTP/1.1 101") {
		answer = strings.Replace(answer, "\r\n", "\r\nConnection: close\r\n", 1)
	}
	_, _ = io.WriteString(conn, answer)
}
