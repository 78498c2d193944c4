package soap_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest"
)

// failed reports whether the answer is one that SOAP clients can read as a refusal: an apiResult in
// the response of an operation, or in a fault.
func (a answer) failed(t *testing.T) bool {
	t.Helper()
	if err := xml.Unmarshal([]byte(a.body), new(any)); err != nil {
		t.Errorf("%v in %s", err, a.body)
	}
	return strings.Contains(strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(a.body), "<baseResult>failed</baseResult><errorInfo><error>ERR00") &&
		strings.Contains(a.Header.Get("Content-Type"), "xml; charset=utf-8") && strings.Contains(a.body, a.Header.Get("X-Keyporter-Request-Id"))
}

// TestNoActionNamesAnotherOperation has an attacker without a credential ask for the version, and
// name another operation in each place where some server looks for what to do.
func TestNoActionNamesAnotherOperation(t *testing.T) {
	t.Parallel()
	var reached atomic.Pointer[string]
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		got := fmt.Sprint(r.URL, r.Header)
		reached.Store(&got)
		echo(rw, r)
	})
	with := func(header string) string {
		return strings.Replace(message(`<GetVersion_v1 xmlns="`+ns+`"/>`), "<soap:Body>", "<soap:Header>"+header+"</soap:Header><soap:Body>", 1)
	}
	const evil = ns + "DeleteEnvelope_v1"
	for _, space := range []string{"http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing", "http://schemas.xmlsoap.org/ws/2003/03/addressing", "urn:x", ""} {
		for _, header := range []string{
			`<Action xmlns="` + space + `">` + evil + `</Action>`, `<action xmlns="` + space + `" mustUnderstand="1"> ` + evil + "\n</action>", `<x><Action xmlns="` + space + `">` + evil + `</Action></x>`,
			`<Action xmlns="` + space + `"><![CDATA[` + evil + `]]></Action>`, `<Action xmlns="` + space + `">` + strings.Replace(evil, "D", "&#68;", 1) + `</Action>`,
			`<Action xmlns="` + space + `">` + ns + `GetVersion_v1</Action><Action xmlns="urn:y">` + evil + `</Action>`, `<Action xmlns="` + space + `">` + ns + `GetVersion_v1<x>` + evil + `</x></Action>`,
			`<Action xmlns="` + space + `"/><Action xmlns="` + space + `">` + evil + `</Action>`,
		} {
			for _, text := range []string{with(header), strings.ReplaceAll(with(header), soap11, soap12)} {
				contentType := "Content-Type: text/xml"
				if strings.Contains(text, soap12) {
					contentType = "Content-Type: application/soap+xml"
				}
				if got := w.call(t, text, contentType); got.StatusCode != http.StatusBadRequest || reached.Load() != nil || !got.failed(t) {
					t.Fatalf("%s: %s %s", header, got.Status, got.body)
				}
			}
		}
	}
	// With a credential, it's the same, and the right action passes.
	for action, want := range map[string]int{evil: 400, ns + "FindEnvelopes_v1": 200, "": 200} {
		text := strings.Replace(operation("FindEnvelopes_v1", userToken(w.secret)), "<soap:Body>", `<soap:Header><a:Action xmlns:a="http://www.w3.org/2005/08/addressing">`+action+"</a:Action></soap:Header><soap:Body>", 1)
		if got := w.call(t, text); got.StatusCode != want {
			t.Errorf("with a credential, and the action %q: %s %s", action, got.Status, got.body)
		}
	}
	// Whatever else is in a message without a credential, the API gets only the name.
	got := w.send(t, "POST", "/Api.asmx?op=DeleteEnvelope_v1", strings.NewReader(with(`<x:other xmlns:x="urn:x">`+evil+`</x:other>`)), "X-Action: "+evil, "Cookie: a="+evil, "X-Forwarded-Host: "+evil, "User-Agent: "+evil)
	if got.StatusCode != http.StatusOK || strings.Contains(got.body+*reached.Load(), "DeleteEnvelope") || !strings.Contains(got.body, `<soap:Body><GetVersion_v1 xmlns="`+ns+`" /></soap:Body>`) {
		t.Errorf("the API got %s\n%s", *reached.Load(), got.body)
	}
}

// TestEveryRefusalIsAnAPIResult expects that clients can read each refusal, and the operation in it, as far as it's known.
func TestEveryRefusalIsAnAPIResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	find := operation("FindEnvelopes_v1", userToken(w.secret))
	action := "Soapaction: " + ns + "FindEnvelopes_v1"
	for name, c := range map[string]struct {
		message string
		headers []string
		status  int
		fault   bool
	}{
		"a bare token":                  {message(`<FindEnvelopes_v1 xmlns="` + ns + `"><authorizationXml>hello</authorizationXml></FindEnvelopes_v1>`), nil, 200, false},
		"an endless one":                {operation("FindEnvelopes_v1", userToken(strings.Repeat("x", 9000))), nil, 200, false},
		"not escaped":                   {message(`<FindEnvelopes_v1 xmlns="` + ns + `"><authorizationXml>` + userToken("x") + `</authorizationXml></FindEnvelopes_v1>`), nil, 400, false},
		"UTF-16":                        {inUTF16(find), []string{"Content-Type: text/xml; charset=utf-16", action}, 415, false},
		"UTF-16, undeclared":            {inUTF16(find), []string{action}, 400, false},
		"UTF-16, without an action":     {inUTF16(find), []string{"Content-Type: text/xml; charset=utf-16"}, 415, true},
		"UTF-16, SOAP 1.2":              {inUTF16(find), []string{`Content-Type: application/soap+xml; charset=utf-16; action="` + ns + `FindEnvelopes_v1"`}, 415, false},
		"an unknown action":             {"", []string{"Content-Type: application/json", "Soapaction: " + ns + "Fi<nd"}, 415, true},
		"JSON":                          {"{}", []string{"Content-Type: application/json"}, 415, true},
		"JSON as XML":                   {"{}", nil, 400, true},
		"nothing":                       {"", nil, 400, true},
		"nothing, as SOAP 1.2":          {"", []string{"Content-Type: application/soap+xml"}, 400, true},
		"it ends early":                 {find[:len(find)-30], nil, 400, false},
		"no operation":                  {message(""), []string{action}, 400, false},
		"too long before its operation": {strings.Replace(find, "<soap:Body>", "<soap:Header><x>"+strings.Repeat("x", 70<<10)+"</x></soap:Header><soap:Body>", 1), nil, 400, true},
	} {
		got := w.call(t, c.message, c.headers...)
		if got.StatusCode != c.status || !got.failed(t) || strings.Contains(got.body, ":Fault>") != c.fault || strings.Contains(got.body, w.secret) {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
		if !c.fault {
			got.result(t, "FindEnvelopes_v1")
		}
	}
	if got := w.send(t, "POST", "/None.asmx", strings.NewReader(find)); got.StatusCode != http.StatusNotFound || !got.failed(t) {
		t.Errorf("no API: %s %s", got.Status, got.body)
	}
}

// TestNamespacesAndAttributesAreFew has an attacker without a credential make the scanner compare
// each of many with each other.
func TestNamespacesAndAttributesAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	many := func(n int, format string) (all string) {
		for i := range n {
			all += fmt.Sprintf(format, i)
		}
		return all
	}
	for name, text := range map[string]string{
		"attributes":        "<x " + many(65, `a%d="" `) + "/>",
		"namespaces":        "<x " + many(64, `xmlns:a%d="x" `) + "/>",
		"nested namespaces": many(13, `<x%[1]d xmlns:a%[1]d="x" xmlns:b%[1]d="x" xmlns:c%[1]d="x" xmlns:d%[1]d="x" xmlns:e%[1]d="x">`),
	} {
		started := time.Now()
		got := w.call(t, strings.Replace(operation("FindEnvelopes_v1", ""), "<soap:Body>", "<soap:Header>"+text+"</soap:Header><soap:Body>", 1))
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "too many") {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
		t.Logf("%s: refused after %v", name, time.Since(started))
	}
}

// TestNoStreamIsCutOverSOAP is TestNoStreamIsCut of package gateway.
func TestNoStreamIsCutOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Events)
	text := strings.Replace(operation("FindEnvelopes_v1", userToken(w.secret)), ">7<", ">"+strings.Repeat("x", 6000)+keyportertest.EndOfCall+strings.Repeat("x", 6000)+"<", 1)
	keyportertest.CutStreams(t, w.door, text, func(address string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/Api.asmx", nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
		return r
	})
}
