package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/web"
)

func TestAPanicIsAnErrorInTheLog(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	for _, fault := range []error{http.ErrAbortHandler, errors.New("a fault of ours")} {
		s := httptest.NewServer(logPanics(log, web.WithRequestID(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(fault) }))))
		if res, err := http.Get(s.URL); err == nil {
			t.Errorf("%v was answered with %s", fault, res.Status)
		}
		s.Close()
	}
	for _, want := range []string{"level=ERROR", "a fault of ours", "request_id=", "limit_test.go"} {
		if got := logged.String(); strings.Count(got, want) != 1 {
			t.Errorf("%q isn't once in the log:\n%s", want, got)
		}
	}
}

// TestAnAnswerComesBeforeTheDeadline has a page whose change hangs until its context ends, and is looked up after that.
func TestAnAnswerComesBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	left := map[string]time.Duration{}
	door := func(name string) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if end, ok := r.Context().Deadline(); ok {
				left[name] = time.Until(end)
			}
		})
	}
	h := doors(door("apps"), door("asks"), door("pages"))
	for _, path := range []string{"/tokens", "/oauth2/token", "/oauth2/introspect", "/oauth2/introspect/changes"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
	}
	for _, name := range []string{"pages", "apps"} {
		if left[name] <= 0 || left[name]+store.LookTime >= pageTimeout {
			t.Errorf("%s: %v are left for an answer", name, left[name])
		}
	}
	if at, ok := left["asks"]; ok {
		t.Errorf("a stream ends after %v", at)
	}
}

// TestASlowReaderIsCutOff requests a page and doesn't read it.
func TestASlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	written := make(chan error, 1)
	s := httptest.NewServer(withDeadline(100*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		written <- err
	})))
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-written:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the client still holds the connection after ten seconds")
	}
}
