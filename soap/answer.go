package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter/web"
)

// apiResult is the result of every operation, sent as a string inside its response.
type apiResult struct {
	XMLName    xml.Name   `xml:"apiResult"`
	Version    string     `xml:"version,attr"`
	BaseResult string     `xml:"baseResult"`
	ErrorInfo  *errorInfo `xml:"errorInfo"`
}

// errorInfo always has all three fields: some clients read each without checking that it's there.
type errorInfo struct {
	Error     string `xml:"error"`
	ErrorMsg  string `xml:"errorMsg"`
	SupportID string `xml:"supportId"`
}

// resultVersion is the version in results that Keyporter creates itself. Clients expect four parts.
const resultVersion = "1.0.0.0"

// succeeded returns the result of an operation that Keyporter answers itself.
func succeeded() apiResult { return apiResult{Version: resultVersion, BaseResult: "ok"} }

// failed returns the result of a call that isn't passed on. status is the HTTP status the
// same refusal has over REST.
func failed(status int, text, id string) apiResult {
	code := web.ErrorID(status)
	return apiResult{Version: resultVersion, BaseResult: "failed", ErrorInfo: &errorInfo{code, code + ": " + text, id}}
}

// refuseMessage answers a request whose body isn't a message, or not one the door accepts. Its status is that of
// the same refusal over REST, except for an authorization that can't be read: that is like a wrong one.
func refuseMessage(w http.ResponseWriter, r *http.Request, m *message, err error) {
	status, text := http.StatusBadRequest, "The message ended early."
	if why, ok := errors.AsType[malformed](err); ok {
		text = why.Error()
	}
	if why, ok := errors.AsType[web.Unsendable](err); ok {
		text = why.Error()
	}
	if why, ok := errors.AsType[unsupported](err); ok {
		status, text = http.StatusUnsupportedMediaType, why.Error()
	}
	if errors.Is(err, errTooLate) {
		status, text = http.StatusRequestTimeout, "The message didn't arrive in time."
	} else { // a client that was too late gets no more time
		web.LimitBodyTime(w, r)
	}
	res := failed(status, text, m.id)
	if errors.Is(err, errAuthorization) {
		status = http.StatusOK
	}
	e := m.addressee()
	if e.operation.local == "" {
		writeFault(w, e.version, status, res)
		return
	}
	write(w, &e, status, res)
}

// addressee returns what is known of the envelope, to answer it: if the message couldn't be read up to
// its operation, the one that the HTTP headers name.
func (m *message) addressee() envelope {
	e := m.envelope
	if e.version == "" {
		if e.version = soap11; m.mediaType == mediaType(soap12) {
			e.version = soap12
		}
	}
	if name, ok := strings.CutPrefix(m.action, namespace); ok && e.operation.local == "" {
		if slices.ContainsFunc(operations(), func(o operation) bool { return o.name == name }) {
			e.operation = element{space: namespace, local: name}
		}
	}
	return e
}

// write answers the operation of e with a result.
func write(w http.ResponseWriter, e *envelope, status int, res apiResult) {
	var body bytes.Buffer
	body.WriteString(`<` + e.operation.local + `Response xmlns="`)
	escape(&body, e.operation.space)
	body.WriteString(`"><` + e.operation.local + `Result>`)
	escape(&body, string(res.marshal()))
	body.WriteString(`</` + e.operation.local + `Result></` + e.operation.local + `Response>`)
	writeEnvelope(w, e.version, status, body.Bytes())
}

// writeFault answers a message whose operation isn't known (SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4).
func writeFault(w http.ResponseWriter, version string, status int, res apiResult) {
	var body bytes.Buffer
	if version == soap11 {
		body.WriteString(`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>`)
		escape(&body, res.ErrorInfo.ErrorMsg)
		body.WriteString(`</faultstring><detail>` + string(res.marshal()) + `</detail></soap:Fault>`)
	} else {
		body.WriteString(`<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">`)
		escape(&body, res.ErrorInfo.ErrorMsg)
		body.WriteString(`</soap:Text></soap:Reason><soap:Detail>` + string(res.marshal()) + `</soap:Detail></soap:Fault>`)
	}
	writeEnvelope(w, version, status, body.Bytes())
}

func (r apiResult) marshal() []byte {
	text, err := xml.Marshal(r)
	if err != nil {
		panic(err) // can't happen: it holds only strings
	}
	return text
}

func writeEnvelope(w http.ResponseWriter, version string, status int, body []byte) {
	var out bytes.Buffer
	out.WriteString(xml.Header + `<soap:Envelope xmlns:soap="` + version + `"><soap:Body>`)
	out.Write(body)
	out.WriteString(`</soap:Body></soap:Envelope>`)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", mediaType(version)+"; charset=utf-8")
	harmless(h)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // fails only if the client is gone
}

func escape(out *bytes.Buffer, text string) { _ = xml.EscapeText(out, []byte(text)) } // writing to a buffer can't fail

// harmless sets headers that keep browsers from rendering an answer as a page: it may come from the console's origin.
func harmless(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}
