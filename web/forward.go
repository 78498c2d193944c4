package web

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/keyporter/keyporter"
)

// Forwarder forwards checked calls to APIs. It streams bodies both ways at once, lets websockets
// through, and ends the call to the API when the client goes away. It is safe for concurrent use.
type Forwarder struct {
	proxies   Proxies
	transport *http.Transport
	buffers   buffers
	log       *slog.Logger
	proxyLog  *log.Logger // for httputil.ReverseProxy
}

// NewForwarder returns a Forwarder that trusts proxies to say where a call came from. Close it when
// its door no longer serves.
func NewForwarder(proxies Proxies, l *slog.Logger) *Forwarder {
	return &Forwarder{proxies: proxies, transport: NewTransport(), log: l, proxyLog: slog.NewLogLogger(l.Handler(), slog.LevelDebug)}
}

// Close closes the idle connections to APIs.
func (f *Forwarder) Close() { f.transport.CloseIdleConnections() }

// Call is a checked call on its way to an API.
type Call struct {
	API          string // its name, for the log
	Target       *url.URL
	Path         string // that was checked; the API gets exactly this
	RequestID    string
	SharesOrigin bool // with the console

	// Request finishes the headers of the request. What an API must not believe has been removed.
	Request func(http.Header)
	// Response finishes the headers of the API's response, which has this status.
	Response func(status int, h http.Header)
	// Refuse answers for the API: with 400 if the call can't be passed on (Unsendable), or the client's body
	// broke off or can't be read, which err describes, and with 502 or 504 if the API didn't answer.
	Refuse func(w http.ResponseWriter, status int, err error)
}

// Unsendable says why a call can't be passed on.
type Unsendable string

func (u Unsendable) Error() string { return string(u) }

// ErrBlank is about an address with a raw blank or control character. HTTP/2 and the headers of proxies can
// have one. In a request line, the address would end there.
const ErrBlank = Unsendable("The path or the query has a blank or a control character that isn't encoded.")

// HasBlank reports whether a path or query, as it was sent, has a raw blank or control character.
func HasBlank(address string) bool {
	return strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// check returns why the call can't be passed on, or nil.
func (c *Call) check(r *http.Request) error {
	switch {
	case HasBlank(c.Path) || HasBlank(r.URL.RawQuery):
		return ErrBlank
	case r.ContentLength != 0 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && httpguts.HeaderValuesContainsToken(r.Header["Connection"], "Upgrade"):
		return Unsendable("A request for a WebSocket can't have a body.") // whose end could be anything
	}
	return nil
}

// Forward sends a call to the API, and the API's answer to the client. If the answer breaks off, it
// panics with http.ErrAbortHandler, so that the client can't take a part for the whole.
func (f *Forwarder) Forward(w http.ResponseWriter, r *http.Request, c *Call) {
	if err := c.check(r); err != nil {
		LimitBodyTime(w, r)
		c.Refuse(w, http.StatusBadRequest, err)
		return
	}
	answer := &reply{ResponseWriter: w, call: c, strict: w.Header()[strictTransport], last: w.Header().Get("Connection") == "close", old: !r.ProtoAtLeast(1, 1)}
	// Otherwise, the server would close the body when the answer begins. The transport may be about to
	// look for the body's end, would take that for a fault, and would break off the answer.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		answer.last = answer.last || r.ProtoMajor == 1 // nor can the upload then do its part
	}
	if r.ContentLength != 0 && r.ProtoAtLeast(1, 1) && r.Header.Get("Expect") != "" {
		w.WriteHeader(http.StatusContinue) // an API may begin its answer before it reads the body, and wait for it then
	}
	body := newUpload(w, r)
	defer body.end()
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			RewriteRequest(p, f.proxies, c.Target, c.Path, c.RequestID)
			c.Request(p.Out.Header)
		},
		ModifyResponse: func(res *http.Response) error { return f.modify(answer, r, res, body) },
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { f.failed(answer, r, body, err) },
		Transport:      f.transport,
		BufferPool:     &f.buffers,
		ErrorLog:       f.proxyLog,
	}
	proxy.ServeHTTP(answer, body.request(r))
	body.answered = true
}

// modify turns the API's response into the client's.
func (f *Forwarder) modify(w *reply, r *http.Request, res *http.Response, body *upload) error {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols && res.Request.Header.Get("Upgrade") == "":
		return errors.New("the API switched protocols without being asked")
	case res.StatusCode < http.StatusOK && res.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("the API answered with the status %03d", res.StatusCode)
	}
	w.restore()
	CleanResponse(w, res.Header, w.call.SharesOrigin)
	w.call.Response(res.StatusCode, res.Header)
	if _, sent := res.Header["Content-Type"]; !sent {
		w.Header()["Content-Type"] = nil // otherwise, the server would guess one
	}
	cleanTrailer(res.Trailer)
	if res.StatusCode == http.StatusSwitchingProtocols {
		body.switched = true
	} else {
		res.Body = &download{res.Body, res, func(err error) {
			if r.Context().Err() == nil && body.failure() == nil {
				f.log.Warn("the API broke off its answer", "api", w.call.API, "request_id", w.call.RequestID, "error", err)
			}
		}}
	}
	return nil
}

// failed answers if there is no response from the API. A client must not be able to raise an alarm
// about the API.
func (f *Forwarder) failed(w *reply, r *http.Request, body *upload, err error) {
	w.restore()
	c := w.call
	if broken := body.failure(); broken != nil {
		f.log.Debug("the body of a call can't be read", "api", c.API, "request_id", c.RequestID, "error", broken)
		body.closeAfterAnswer()
		c.Refuse(w, http.StatusBadRequest, broken)
		return
	}
	if r.Context().Err() != nil {
		// The client is gone, or has at least closed its side: we can't tell. It must not get a 200.
		panic(http.ErrAbortHandler)
	}
	f.log.Error("can't reach the API", "api", c.API, "request_id", c.RequestID, "error", err)
	status := http.StatusBadGateway
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		status = http.StatusGatewayTimeout
	}
	c.Refuse(w, status, err)
}

// reply is the answer to a client.
type reply struct {
	http.ResponseWriter

	call   *Call
	strict []string // Strict-Transport-Security, if Keyporter says so
	last   bool     // on its connection
	old    bool     // for a client that knows no informational responses (HTTP/1.0, RFC 9110 §15.2)
}

// Unwrap is for http.ResponseController.
func (w *reply) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the status. The headers of an informational response come straight from the API.
func (w *reply) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		if w.old {
			return
		}
		h := w.Header()
		CleanResponse(w, h, w.call.SharesOrigin)
		w.restore()
	} else if w.last {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// restore sets the headers again that Keyporter adds to each response. httputil.ReverseProxy clears
// all headers after an informational response.
func (w *reply) restore() {
	h := w.Header()
	h[keyporter.HeaderRequestID] = []string{w.call.RequestID}
	if w.strict != nil {
		h[strictTransport] = w.strict
	}
}

// download is the body of an API's response.
type download struct {
	io.ReadCloser

	res *http.Response
	cut func(error) // if it breaks off
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		d.cut(err)
	}
	return n, err
}

// Close also cleans the trailers, which arrive with the end of the body.
func (d *download) Close() error {
	err := d.ReadCloser.Close()
	cleanTrailer(d.res.Trailer)
	return err
}
