package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// pass forwards the message as it is in out.
func (d *Door) pass(w http.ResponseWriter, out *http.Request, m *message, decision *verify.Decision) {
	api := m.route.API()
	if api.Target() == nil {
		web.LimitBodyTime(w, out)
		decision.Answered(http.StatusNotFound)
		write(w, &m.envelope, http.StatusNotFound, failed(http.StatusNotFound, "This API isn't available through Keyporter.", m.id))
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // an upload may take long
	d.forwarder.Forward(w, out, &web.Call{
		API: api.Name, Target: api.Target(), Path: web.SentPath(out), RequestID: m.id, SharesOrigin: len(api.Hosts) == 0,
		Request: func(h http.Header) {
			for _, header := range decision.Identity() {
				h[header.Name] = header.Values
			}
		},
		Response: func(status int, h http.Header) {
			decision.Answered(status)
			d.notices.AddTo(h, decision)
		},
		Refuse: func(w http.ResponseWriter, status int, err error) {
			decision.Answered(status)
			if status == http.StatusBadRequest {
				refuseMessage(w, out, m, err)
				return
			}
			write(w, &m.envelope, status, failed(status, "The API can't be reached right now.", m.id))
		},
	})
}

// withoutCredential returns the request that the API gets if the call has a credential: the message, whose
// authorizationXml is empty.
func (m *message) withoutCredential(r *http.Request) *http.Request {
	out := *r
	out.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(m.head[:m.from]), bytes.NewReader(m.head[m.until:]), &rest{body: r.Body, scanner: m.scanner, over: m.whole}), r.Body}
	if len(r.Header["Expect"]) > 0 { // the head has been read, so it has been answered
		out.Header = r.Header.Clone()
		out.Header.Del("Expect")
	}
	if out.ContentLength > 0 {
		out.ContentLength -= m.until - m.from
	}
	return &out
}

// nameOnly returns the request that the API gets if the call needs no credential. It has the name of the
// operation and nothing else that a client wrote, because the API takes it for checked: nobody knows in which
// other places it looks for what it's asked to do.
func (m *message) nameOnly(r *http.Request) *http.Request {
	out := *r
	out.URL = new(url.URL) // without a query
	out.Header = http.Header{"Content-Type": {mediaType(m.version) + "; charset=utf-8"}}
	if m.version == soap11 {
		out.Header["Soapaction"] = []string{`"` + namespace + m.operation.local + `"`}
	}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") { // if it's from a proxy
			out.Header[name] = values
		}
	}
	text := xml.Header + `<soap:Envelope xmlns:soap="` + m.version + `"><soap:Body><` + m.operation.local + ` xmlns="` + namespace + `" /></soap:Body></soap:Envelope>`
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
	return &out
}

// rest is the part of a message after its head. It passes through the scanner, which ends it
// at anything the API must not get, such as a second authorizationXml.
type rest struct {
	body    io.Reader
	scanner *scanner
	over    bool
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
		return 0, fault
	}
	return n, err
}

// lateOr returns errTooLate if err is an exceeded deadline, and err otherwise.
func lateOr(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooLate
	}
	return err
}
