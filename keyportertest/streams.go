package keyportertest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// events is how many server-sent events Events answers with.
const events = 6

// EndOfCall is what Events waits for.
const EndOfCall = "END"

// Events is an API that answers with six server-sent events as soon as it has read EndOfCall, like
// servers that read a JSON value and don't wait for the end of the body.
func Events(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	body := bufio.NewReader(r.Body)
	for read := ""; !strings.HasSuffix(read, EndOfCall); {
		part, err := body.ReadString(EndOfCall[len(EndOfCall)-1])
		if read += part; err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	defer func() { _, _ = io.Copy(io.Discard, body) }()
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range events {
		fmt.Fprintf(w, "data: %d\n\n", i)
		_ = http.NewResponseController(w).Flush()
	}
}

// inTwoParts returns a body that arrives in two parts, a moment apart.
func inTwoParts(body string, first int) io.Reader {
	return io.MultiReader(strings.NewReader(body[:first]), &late{rest: body[first:]})
}

type late struct {
	rest  string
	slept bool
}

func (l *late) Read(p []byte) (int, error) {
	if !l.slept {
		time.Sleep(time.Millisecond)
		l.slept = true
	}
	if l.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// CutStreams makes calls to Events through a door, over HTTP/1.1 and HTTP/2, and fails the test if
// an answer is cut. Each protocol gets 200 calls, or as many as the environment variable
// KEYPORTER_STREAMS says. call returns the next call without its body.
func CutStreams(t *testing.T, door http.Handler, body string, call func(address string) *http.Request) {
	t.Helper()
	front := httptest.NewServer(door)
	t.Cleanup(front.Close)
	secure := httptest.NewUnstartedServer(door)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	CountCutStreams(t, front.Client(), body, func() *http.Request { return call(front.URL) })
	CountCutStreams(t, secure.Client(), body, func() *http.Request { return call(secure.URL) })
}

// CountCutStreams makes the calls of CutStreams with a client, eight at a time, half of them with a
// body in two parts.
func CountCutStreams(t *testing.T, client *http.Client, body string, call func() *http.Request) {
	t.Helper()
	n, err := strconv.ParseInt(os.Getenv("KEYPORTER_STREAMS"), 10, 64)
	if err != nil {
		n = 200
	}
	var next, cut atomic.Int64
	var protocol atomic.Value
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				r := call()
				r.ContentLength = int64(len(body))
				if i%4 == 1 { // without saying its length
					r.ContentLength = -1
				}
				r.GetBody = func() (io.ReadCloser, error) { // also for another try, when a server ends an HTTP/2 connection that was used for long
					if i%2 == 0 {
						return io.NopCloser(strings.NewReader(body)), nil
					}
					return io.NopCloser(inTwoParts(body, strings.Index(body, EndOfCall)+len(EndOfCall))), nil
				}
				r.Body, _ = r.GetBody()
				proto, err := stream(client, r)
				if err == nil {
					protocol.Store(proto)
				} else if cut.Add(1) <= 3 {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%v: %d of %d streams were cut", protocol.Load(), cut.Load(), n)
}

// stream makes a call and reads the answer to its end. It returns the protocol.
func stream(client *http.Client, r *http.Request) (string, error) {
	res, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && strings.Count(string(text), "data: ") != events {
		err = fmt.Errorf("%s, and only %.200q", res.Status, text)
	}
	return res.Proto, err
}
