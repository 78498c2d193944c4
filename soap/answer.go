package soap

import (
	"bytes"
	"encoding/xml"
	"net/http"

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

// write answers the operation of e with a result.
func write(w http.ResponseWriter, e *envelope, status int, res apiResult) {
	inner, err := xml.Marshal(res)
	if err != nil { // can't happen: it holds only strings
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	var out bytes.Buffer
	out.WriteString(xml.Header + `<soap:Envelope xmlns:soap="` + e.version + `"><soap:Body><` + e.operation.local + `Response xmlns="`)
	escape(&out, e.operation.space)
	out.WriteString(`"><` + e.operation.local + `Result>`)
	escape(&out, string(inner))
	out.WriteString(`</` + e.operation.local + `Result></` + e.operation.local + `Response></soap:Body></soap:Envelope>`)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", mediaType(e.version)+"; charset=utf-8")
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
