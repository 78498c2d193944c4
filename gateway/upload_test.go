package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
)

// connect opens a connection to the door.
func (w *world) connect(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// TestAnAnswerBeginsBeforeTheBodyEnds has an API answer while the client still sends. The client
// only sends the rest when it has seen the beginning of the answer.
func TestAnAnswerBeginsBeforeTheBodyEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).EnableFullDuplex()
		piece := make([]byte, 4)
		for {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				return
			}
			_, _ = rw.Write(piece)
			_ = http.NewResponseController(rw).Flush()
		}
	})
	conn := w.connect(t)
	fmt.Fprintf(conn, "POST /Api/v6/x HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none.\r\n", w.secret)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	for _, next := range []string{"two.", "end.", ""} {
		if _, err := io.ReadFull(res.Body, got); err != nil {
			t.Fatal(err)
		}
		if next != "" {
			fmt.Fprintf(conn, "4\r\n%s\r\n", next)
		}
	}
	// Both ended well, so the connection goes on.
	fmt.Fprintf(conn, "0\r\n\r\n")
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	fmt.Fprintf(conn, "GET /Api/v4/version HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the next call: %v, %v", res, err)
	}
}

// TestTheRestOfABodyIsNoRequest has an attacker who shares a connection with others, because both come
// through the same proxy. They send bodies that end otherwise than their beginning says, or that the
// API doesn't read, with a request in what is left.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel()
	const smuggled = "GET /Api/v4/version?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	const later = "[later]" // the rest follows when the API has answered
	reads := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	ignores := func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Connection", "close")
		_, _ = io.WriteString(rw, "no")
	}
	early := func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).EnableFullDuplex()
		_, _ = io.ReadFull(r.Body, make([]byte, 2))
		rw.Header().Set("Connection", "close")
		_, _ = io.WriteString(rw, "early")
	}
	for name, c := range map[string]struct {
		api     http.HandlerFunc
		request string
	}{
		"a broken chunk, late":       {early, "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" + later + "zz\r\n" + smuggled},
		"a broken trailer, late":     {early, "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" + later + "0\r\nno trailer\r\n\r\n" + smuggled},
		"a request, late":            {early, "Content-Length: 9000\r\n\r\nhi" + later + later + later + later + later + smuggled},
		"a broken chunk":             {reads, "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n" + smuggled},
		"a broken chunk, unread":     {ignores, "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n" + smuggled},
		"a chunk without its end":    {ignores, "Transfer-Encoding: chunked\r\n\r\n2\r\nhiGET" + smuggled},
		"a broken trailer":           {reads, "Transfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n" + smuggled},
		"a long extension":           {reads, "Transfer-Encoding: chunked\r\n\r\n2;x=" + strings.Repeat("x", 20_000) + "\r\nhi\r\n0\r\n\r\n" + smuggled},
		"too large for what is left": {ignores, "Content-Length: 9000000\r\n\r\n" + smuggled},
		"never complete":             {ignores, "Content-Length: 9000\r\n\r\n" + smuggled},
		"never begun":                {ignores, "Content-Length: 9000\r\nExpect: 100-continue\r\n\r\n" + smuggled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.RequestURI, "smuggled") {
					t.Error("the rest of the body became a request")
				}
				c.api(rw, r)
			})
			conn := w.connect(t)
			fmt.Fprintf(conn, "POST /Api/v6/x HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\n", w.secret)
			for i, part := range strings.Split(c.request, later) {
				if i > 0 {
					time.Sleep(300 * time.Millisecond)
				}
				_, _ = io.WriteString(conn, part)
			}
			answers, err := io.ReadAll(conn)
			if strings.Count(string(answers), "HTTP/1.1 ")-strings.Count(string(answers), "HTTP/1.1 100 ") > 1 {
				t.Errorf("more than one answer: %v\n%s", err, answers)
			}
			t.Logf("%.40q", answers)
		})
	}
}

// TestNoCallIsAnsweredWithoutAnAnswer has clients break off, or only shut down their side. None of
// them gets the 200 of a server that has nothing to say, and none raises an alarm.
func TestNoCallIsAnsweredWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rest   string
		status int // 0: the connection is broken
	}{
		"half closed after the request":  {"Content-Length: 2\r\n\r\nhi", 0},
		"half closed, no body":           {"\r\n", 0},
		"cut at 3 of 1,000 bytes":        {"Content-Length: 1000\r\n\r\nabc", 400},
		"cut between two chunks":         {"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 400},
		"a broken chunk":                 {"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n", 400},
		"a chunk longer than it says":    {"Transfer-Encoding: chunked\r\n\r\n2\r\nhigh\r\n0\r\n\r\n", 400},
		"a broken trailer":               {"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nno trailer\r\n\r\n", 400},
		"a chunk with a long extension":  {"Transfer-Encoding: chunked\r\n\r\n2;x=" + strings.Repeat("x", 20_000) + "\r\nhi\r\n0\r\n\r\n", 400},
		"a chunk with a negative length": {"Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 1)
			w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				arrived <- struct{}{}
				if err == nil {
					<-r.Context().Done() // it takes its time
				}
			})
			conn := w.connect(t)
			fmt.Fprintf(conn, "POST /Api/v6/x HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\n%s", w.secret, c.rest)
			if c.status == 0 {
				<-arrived
			}
			_ = conn.CloseWrite()
			got, _ := io.ReadAll(conn)
			if want := fmt.Sprintf("HTTP/1.1 %d ", c.status); c.status == 0 && len(got) > 0 || c.status > 0 && !strings.HasPrefix(string(got), want) {
				t.Errorf("%.200q, want %d", got, c.status)
			}
			if w.log.String() != "" {
				t.Errorf("logged: %s", w.log.String())
			}
		})
	}
}

// TestACutAnswerIsSeen has the API break off in the middle of its answer: the client must not take a
// part for the whole, and the log says so with the ID of the request.
func TestACutAnswerIsSeen(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"a length":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
		"chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
		"a trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\nX-T",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(rw).Hijack()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			})
			for _, upload := range []string{"Content-Length: 2\r\n\r\nhi", "\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"} {
				conn := w.connect(t)
				fmt.Fprintf(conn, "POST /Api/v6/x HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\n%s", w.secret, upload)
				id := "request_id="
				// What the API sent with a length may not have reached the client at all.
				if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
					id += res.Header.Get("X-Keyporter-Request-Id")
					if got, err := io.ReadAll(res.Body); err == nil {
						t.Errorf("the client got %q, and nothing wrong", got)
					}
				}
				keyportertest.Eventually(t, "the log says so", func() bool {
					log := w.log.String()
					return strings.Contains(log, "level=WARN") && strings.Contains(log, id)
				})
			}
		})
	}
}

// TestAnAnswerBeforeAnExpectedBody has a client wait for 100 before it sends a body, and an API that begins
// its answer before it reads one.
func TestAnAnswerBeforeAnExpectedBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		flow := http.NewResponseController(rw)
		_ = flow.EnableFullDuplex()
		_, _ = io.WriteString(rw, "early, "+r.Header.Get("Expect"))
		_ = flow.Flush()
		_, _ = io.Copy(rw, r.Body)
	})
	conn := w.connect(t)
	fmt.Fprintf(conn, "POST /Api/v6/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nApiToken: %s\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", w.secret)
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = io.WriteString(conn, "hi")
	if rest, err := io.ReadAll(in); err != nil || !strings.Contains(string(rest), "early, ") || !strings.Contains(string(rest), "hi") {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestAWebSocketHasNoBody expects a request that could end in the middle of a tunnel to be refused, and one
// that asks for something else to be passed on.
func TestAWebSocketHasNoBody(t *testing.T) {
	t.Parallel()
	calls := make(chan string, 9)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		calls <- r.RequestURI
		if conn, _, err := http.NewResponseController(rw).Hijack(); r.Header.Get("Upgrade") != "" && err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = conn.Close()
		}
	})
	for name, c := range map[string][2]string{
		"unfinished": {"websocket", "Content-Length: 10\r\n\r\n012345"},
		"complete":   {"WebSocket", "Content-Length: 2\r\n\r\nhi"},
		"chunks":     {"websocket", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"},
	} {
		conn := w.connect(t)
		fmt.Fprintf(conn, "GET /other/x HTTP/1.1\r\nHost: x\r\nApiToken: %s\r\nConnection: keep-alive, upgrade\r\nUpgrade: %s\r\n%s", w.secret, c[0], c[1])
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.Contains(string(got), "WebSocket") || len(calls) > 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// hidden is a response of a server that doesn't let the forwarder at its connection.
type hidden struct{ http.ResponseWriter }

// TestAConnectionThatCantBeEndedIsNotUsedAgain expects the forwarder not to rely on what a server doesn't do for it.
func TestAConnectionThatCantBeEndedIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "no") })
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.door.ServeHTTP(hidden{rw}, r) }))
	t.Cleanup(front.Close)
	w.url = front.URL
	for _, path := range []string{"/Api/v6/x", "/down/x"} {
		res := w.raw(t, "POST "+path+" HTTP/1.1\nHost: x\nApiToken: "+w.secret+"\nContent-Length: 2\n\nhi")
		if !res.Close {
			t.Errorf("%s: the connection stays: %s", path, res.Status)
		}
	}
}

// TestARawBlankReachesNoAPI sends addresses over HTTP/2 that would end a request line early.
func TestARawBlankReachesNoAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "passed") }, "127.0.0.1")
	front := httptest.NewUnstartedServer(w.door)
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	for address, want := range map[string]int{
		"/other/x HTTP/1.0": 400, "/other/a b": 400, "/other/x?q= HTTP/1.0": 400, "/other/x?a b": 400, "/Api/v4/version?a b": 400, "/other/x?a%20b": 200,
		"/verify/envoy/Api/v4/version?a b": 400, "/verify/envoy/other/a b": 400, "/verify/envoy/Api/v4/version": 200,
	} {
		path, query, has := strings.Cut(address, "?")
		r := (&http.Request{
			Method: http.MethodGet, Host: "x", Header: http.Header{"Apitoken": {w.secret}},
			URL: &url.URL{Scheme: "https", Host: strings.TrimPrefix(front.URL, "https://"), Opaque: path, RawQuery: query, ForceQuery: has},
		}).WithContext(t.Context())
		res, err := front.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, res); res.StatusCode != want || want == 400 && got != "" && !strings.Contains(got, "encoded") {
			t.Errorf("%q over %s: %d %s", address, res.Proto, res.StatusCode, got)
		}
	}
	for _, uri := range []string{"/other/a b", "/other/x?a b", "/other/a\tb"} {
		if res := w.get(t, "/verify", "ApiToken: "+w.secret, "X-Forwarded-Uri: "+uri); res.StatusCode != http.StatusBadRequest {
			t.Errorf("/verify about %q: %d", uri, res.StatusCode)
		}
	}
}
