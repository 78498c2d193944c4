package soap

import (
	"bytes"
	"encoding/xml"
	"net/http"

	"github.com/keyporter/keyporter/web"
)

// apiResult is what every operation answers, as a string within its response.
type apiResult struct {
	XMLName    xml.Name   `xml:"apiResult"`
	Version    string     `xml:"version,attr"`
	BaseResult string     `xml:"baseResult"`
	ErrorInfo  *errorInfo `xml:"errorInfo"`
}

// errorInfo always has all three: there are clients that read each without a look whether it is there.
type errorInfo struct {
	Error     string `xml:"error"`
	ErrorMsg  string `xml:"errorMsg"`
	SupportID string `xml:"supportId"`
}

// resultVersion is the version of what Keyporter answers itself. It has four parts, as clients expect.
const resultVersion = "1.0.0.0"

// succeeded is the result of an operation that Keyporter answers.
func succeeded() apiResult { return apiResult{Version: resultVersion, BaseResult: "ok"} }

// failed is the result of a call that isn't passed on. status is that which REST would have.
func failed(status int, text, id string) apiResult {
	code := web.ErrorID(status)
	return apiResult{Version: resultVersion, BaseResult: "failed", ErrorInfo: &errorInfo{code, code + ": " + text, id}}
}

// write answers the operation of e with a result.
func write(w http.ResponseWriter, e *envelope, status int, res apiResult) {
	inner, err := xml.Marshal(res)
	if err != nil { // it holds strings only
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
	_, _ = w.Write(out.Bytes()) // the client is gone, or it works
}

func escape(out *bytes.Buffer, text string) { _ = xml.EscapeText(out, []byte(text)) } // a buffer takes everything

// harmless keeps browsers from making a page of an answer: it may come from the origin of the console.
func harmless(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}
