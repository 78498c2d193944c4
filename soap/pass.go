package soap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// pass forwards the message without the credential.
func (d *Door) pass(w http.ResponseWriter, r *http.Request, m *message, decision *verify.Decision) {
	api := m.route.API()
	if api.Target() == nil {
		web.LimitBodyTime(w, r)
		web.WriteProblem(w, web.Problem{Status: http.StatusNotFound, RequestID: m.id, Detail: "This API isn't available through Keyporter."})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // an upload may take long
	rest := &rest{body: r.Body, scanner: m.scanner, over: m.whole}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			web.RewriteRequest(p, d.proxies, api.Target(), m.id)
			for _, header := range decision.Identity() {
				p.Out.Header[header.Name] = header.Values
			}
		},
		ModifyResponse: func(res *http.Response) error {
			web.CleanResponse(w, res.Header, len(api.Hosts) == 0)
			d.notices.AddTo(res.Header, decision)
			w.Header()[keyporter.HeaderRequestID] = []string{m.id} // again, because an early hint clears all headers
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			d.failed(w, r, m, errors.Join(rest.failure(), err))
		},
		Transport:  d.transport,
		BufferPool: &d.buffers,
		ErrorLog:   d.proxyLog,
	}
	out := r.WithContext(r.Context())
	out.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(m.head[:m.from]), bytes.NewReader(m.head[m.until:]), rest), r.Body}
	if out.ContentLength > 0 {
		out.ContentLength -= m.until - m.from
	}
	proxy.ServeHTTP(w, out)
}

// failed answers if the message couldn't be forwarded, or the API didn't answer.
func (d *Door) failed(w http.ResponseWriter, r *http.Request, m *message, err error) {
	if _, ok := errors.AsType[malformed](err); ok {
		d.refuseMessage(w, r, m, err)
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the client is gone
	}
	d.log.Error("can't reach the API", "api", m.route.API().Name, "request_id", m.id, "error", err)
	status := http.StatusBadGateway
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		status = http.StatusGatewayTimeout
	}
	write(w, &m.envelope, status, failed(status, "The API can't be reached right now.", m.id))
}

// rest is the part of a message after its head. It passes through the scanner, which ends it
// at anything the API must not get, such as a second authorizationXml.
type rest struct {
	body    io.Reader
	scanner *scanner
	over    bool
	fault   atomic.Pointer[error] // set while the transport reads, and read by the handler
}

func (t *rest) Read(p []byte) (int, error) {
	if t.over {
		return 0, io.EOF
	}
	n, err := t.body.Read(p)
	fault := t.scanner.write(p[:n])
	if fault == nil && errors.Is(err, io.EOF) {
		fault = t.scanner.close()
	}
	if fault != nil {
		t.fault.Store(&fault)
		return 0, fault
	}
	return n, err
}

// failure returns why the message was cut off, or nil if it wasn't.
func (t *rest) failure() error {
	if fault := t.fault.Load(); fault != nil {
		return *fault
	}
	return nil
}

// lateOr returns errTooLate if err is an exceeded deadline, and err otherwise.
func lateOr(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooLate
	}
	return err
}
