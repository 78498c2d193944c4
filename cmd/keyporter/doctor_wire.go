package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// proxy is the proxy being examined. Calls are written byte by byte, because no client library
// would send such paths and headers.
type proxy struct {
	host, address string
	tls           bool
}

// reply is a response as a client gets it.
type reply struct {
	status   int
	header   http.Header
	problem  problem // if the response is one of Keyporter's
	wantsTLS bool    // the call should have been encrypted
}

// problem is Keyporter's response to a refused call (RFC 9457).
type problem struct {
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// callTime is how long a call may take.
const callTime = 15 * time.Second

// call sends a call. headers are whole lines.
func (p proxy) call(ctx context.Context, method, path string, headers ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var conn net.Conn
	var err error
	if p.tls {
		conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", p.address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return reply{}, fmt.Errorf("the certificate of the proxy at %s is from an authority that this machine doesn't know; if it is yours, name a file with the authority's certificate in SSL_CERT_FILE: %w", p.address, err)
	}
	if err != nil {
		return reply{}, fmt.Errorf("the proxy at %s can't be reached: %w", p.address, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(callTime))
	head := append([]string{method + " " + path + " HTTP/1.1", "Host: " + p.host, "User-Agent: keyporter-doctor", "Content-Length: 0"}, headers...)
	if !hasConnection(headers) {
		head = append(head, "Connection: close")
	}
	_, err = io.WriteString(conn, strings.Join(head, "\r\n")+"\r\n\r\n")
	var res *http.Response
	if err == nil {
		res, err = http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	}
	if err != nil {
		return reply{}, fmt.Errorf("the proxy at %s didn't answer %s %s: %w", p.address, method, path, err)
	}
	defer res.Body.Close()
	a := reply{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&a.problem) // it stays empty if the body isn't a problem
	} else if a.status == http.StatusBadRequest && !p.tls {
		a.wantsTLS = asksForTLS(res.Body)
	}
	odd := strings.ContainsFunc(a.problem.Detail+a.problem.RequestID, unicode.IsControl) // what a server sends must not be able to clear a screen
	if odd || a.problem.RequestID != a.header.Get("X-Keyporter-Request-Id") {
		a.problem = problem{} // from the API itself
	}
	return a, nil
}

// asksForTLS reports whether a response is what nginx or Go says to plain HTTP on a port for HTTPS.
func asksForTLS(body io.Reader) bool {
	text, _ := io.ReadAll(io.LimitReader(body, 4<<10)) // what came is enough
	return bytes.Contains(text, []byte("The plain HTTP request was sent to HTTPS port")) || bytes.Contains(text, []byte("Client sent an HTTP request to an HTTPS server"))
}

func hasConnection(headers []string) bool {
	for _, h := range headers {
		if strings.HasPrefix(h, "Connection:") {
			return true
		}
	}
	return false
}

// echo takes the place of the API and keeps the requests it gets.
type echo struct {
	server *http.Server

	mu   sync.Mutex
	came []*http.Request
}

// listen starts the echo at an address.
func (d *doctor) listen(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("take the API's place (stop the API first): %w", err)
	}
	d.echo = &echo{}
	d.echo.server = &http.Server{Handler: d.echo, ReadHeaderTimeout: callTime}
	go func() { _ = d.echo.server.Serve(l) }() // until it is closed
	return nil
}

func (d *doctor) close() { _ = d.echo.server.Close() }

// ServeHTTP keeps a call, and answers 200.
func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.came = append(e.came, r)
	w.WriteHeader(http.StatusOK)
}

// take returns the requests since it was last called.
func (e *echo) take() []*http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	came := e.came
	e.came = nil
	return came
}

// through sends a call, and returns what the client gets and what the API received: one request if
// the call was allowed. Without an echo, the request is always nil.
func (d *doctor) through(ctx context.Context, method, path string, headers ...string) (reply, *http.Request, error) {
	if d.echo != nil {
		d.echo.take()
	}
	a, err := d.proxy.call(ctx, method, path, headers...)
	if err != nil || d.echo == nil {
		return a, nil, err
	}
	came := d.echo.take()
	if len(came) > 1 {
		return a, nil, errors.New("the API got more than one call; is someone else calling it?")
	}
	if len(came) == 0 {
		return a, nil, nil
	}
	return a, came[0], nil
}

// letThrough reports whether a call reached the API. Without an echo, nobody knows whether a redirect came from it.
func (d *doctor) letThrough(a reply, got *http.Request) bool {
	if d.echo != nil {
		return got != nil
	}
	return a.status < http.StatusBadRequest && !a.redirects()
}

func (a reply) redirects() bool {
	return a.status >= http.StatusMultipleChoices && a.status < http.StatusBadRequest && a.status != http.StatusNotModified
}

// String returns the status, and where a redirect leads.
func (a reply) String() string {
	if a.redirects() {
		return fmt.Sprintf("%d, a redirect to %q", a.status, a.header.Get("Location"))
	}
	return strconv.Itoa(a.status)
}
