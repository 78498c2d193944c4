package soap_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"
)

// TestMalformedMessagesReachNoAPI has an attacker send messages that parsers read differently,
// or that cost us much more than the attacker. None of them gets through.
func TestMalformedMessagesReachNoAPI(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) { reached.Add(1); echo(rw, r) })
	good := operation("FindEnvelopes_v1", userToken(w.secret))
	replaced := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q isn't in %s", old, good)
		}
		return strings.Replace(good, old, with, 1)
	}
	call := `<authorizationXml>` + between(good, "<authorizationXml>", "</authorizationXml>") + `</authorizationXml>`
	for name, text := range map[string]string{
		"nothing":               "",
		"no XML":                "authorizationXml=x",
		"JSON":                  `{"a":1}`,
		"cut":                   good[:len(good)-20],
		"something after it":    good + "<a/>",
		"text after it":         good + "x",
		"text before it":        "x" + good,
		"another envelope":      good + strings.TrimPrefix(good, `<?xml version="1.0" encoding="utf-8"?>`),
		"a wrong end":           replaced("</envelopeId>", "</envelopeid>"),
		"overlapping":           replaced("<envelopeId>7</envelopeId>", "<a><b></a></b>"),
		"a document type":       replaced("<soap:Envelope", "<!DOCTYPE x><soap:Envelope"),
		"a bomb":                replaced("<soap:Envelope", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><soap:Envelope`),
		"an external entity":    replaced("<soap:Envelope", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><soap:Envelope`),
		"an entity":             replaced(">7<", ">&a;<"),
		"an HTML entity":        replaced(">7<", ">&nbsp;<"),
		"a NUL":                 replaced(">7<", ">\x00<"),
		"a NUL by number":       replaced(">7<", ">&#0;<"),
		"a surrogate by number": replaced(">7<", ">&#xD800;<"),
		"too big a number":      replaced(">7<", ">&#99999999;<"),
		"no UTF-8":              replaced(">7<", ">\xff<"),
		"an overlong <":         replaced(">7<", ">\xc0\xbc<"),
		"half a letter":         good + "\xc3",
		"an instruction":        replaced("<soap:Body>", "<?php x?><soap:Body>"),
		"declared twice":        replaced("<soap:Envelope", `<?xml version="1.0"?><soap:Envelope`),
		"declared as UTF-16":    replaced("utf-8", "utf-16"),
		"declared as UTF-7":     replaced("utf-8", "utf-7"),
		"declared late":         " " + good,
		"XML 1.1":               replaced(`version="1.0"`, `version="1.1"`),
		"UTF-16":                inUTF16(good),
		"-- in a comment":       replaced("<soap:Body>", "<!-- -- --><soap:Body>"),
		"]]> in a text":         replaced(">7<", ">]]><"),
		"an unknown prefix":     replaced("<envelopeId>7</envelopeId>", "<x:a/>"),
		"an attribute twice":    replaced("<envelopeId>", `<envelopeId a="1" a="2">`),
		"an unquoted value":     replaced("<envelopeId>", `<envelopeId a=1>`),
		"< in a value":          replaced("<envelopeId>", `<envelopeId a="<">`),
		"no name":               replaced("<envelopeId>7</envelopeId>", "<>7</>"),
		"a letter like another": replaced("<envelopeId>7</envelopeId>", "<ſ/>"),
		"too deep":              replaced(">7<", ">"+strings.Repeat("<a>", 10_000)+strings.Repeat("</a>", 10_000)+"<"),
		"33 levels":             replaced(">7<", ">"+strings.Repeat("<a>", 29)+strings.Repeat("</a>", 29)+"<"),
		"too many":              replaced(">7<", ">"+strings.Repeat("<a/>", 10_001)+"<"),
		"a long tag":            replaced("<envelopeId>", `<envelopeId a="`+strings.Repeat("x", 9000)+`">`),
		"no envelope":           `<FindEnvelopes_v1 xmlns="` + ns + `">` + call + `</FindEnvelopes_v1>`,
		"another SOAP":          strings.ReplaceAll(good, soap11, "urn:soap"),
		"SOAP 1.2 in text/xml":  strings.ReplaceAll(good, soap11, soap12),
		"no body":               `<Envelope xmlns="` + soap11 + `"></Envelope>`,
		"an empty body":         message(""),
		"two bodies":            replaced("</soap:Body>", "</soap:Body><soap:Body><a/></soap:Body>"),
		"another body element":  replaced("<soap:Body>", "<soap:Other/><soap:Body>"),
		"a header behind":       replaced("</soap:Body>", "</soap:Body><soap:Header/>"),
		"two operations":        message(`<GetVersion_v1 xmlns="` + ns + `"/><FindEnvelopes_v1 xmlns="` + ns + `">` + call + `</FindEnvelopes_v1>`),
		"two authorizations":    replaced("<envelopeId>", call+"<envelopeId>"),
		"two equal, apart":      replaced("</envelopeId>", "</envelopeId>"+call),
		"two, one empty":        replaced("<authorizationXml>", "<authorizationXml/><authorizationXml>"),
		"one deeper":            replaced(">7<", ">"+call+"<"),
		"one in the header":     replaced("<soap:Body>", "<soap:Header>"+call+"</soap:Header><soap:Body>"),
		"one that is spelt so":  replaced(">7<", "><authorizationXML>x</authorizationXML><"),
		"not escaped":           strings.ReplaceAll(strings.ReplaceAll(good, "&lt;", "<"), "&gt;", ">"),
		"escaped twice":         strings.ReplaceAll(good, "&lt;", "&amp;lt;"),
		"a bare token":          replaced(between(good, "<authorizationXml>", "</authorizationXml>"), w.secret),
		"& within":              operation("FindEnvelopes_v1", userToken("a&b")),
		"a document type in it": operation("FindEnvelopes_v1", `<!DOCTYPE a [<!ENTITY t "x">]>`+userToken("&t;")),
		"an instruction in it":  operation("FindEnvelopes_v1", `<?php x?>`+userToken(w.secret)),
		"cut within":            operation("FindEnvelopes_v1", "<authorization><apiToken>"+w.secret),
		"two roots within":      operation("FindEnvelopes_v1", userToken(w.secret)+userToken(w.secret)),
		"text around it":        operation("FindEnvelopes_v1", "x"+userToken(w.secret)),
		"text within":           operation("FindEnvelopes_v1", "<authorization>x<apiToken>"+w.secret+"</apiToken></authorization>"),
		"another root":          operation("FindEnvelopes_v1", "<auth><apiToken>"+w.secret+"</apiToken></auth>"),
		"a token in pieces":     operation("FindEnvelopes_v1", "<authorization><apiToken>"+w.secret[:9]+"<x/>"+w.secret[9:]+"</apiToken></authorization>"),
		"an endless one":        operation("FindEnvelopes_v1", userToken(w.secret)+strings.Repeat(" ", 9000)),
	} {
		got := w.call(t, text)
		if got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusOK || !got.failed(t) || strings.Contains(got.body, w.secret) {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("%d got through", n)
	}
}

func between(s, from, until string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, until)
	return s
}

func inUTF16(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

// TestHeadersMustAgreeWithTheMessage has an attacker send headers that contradict the message:
// a server that believes them reads a different message, or calls a different operation.
func TestHeadersMustAgreeWithTheMessage(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) { reached.Add(1); echo(rw, r) })
	version := message(`<GetVersion_v1 xmlns="` + ns + `"/>`)
	for header, want := range map[string]int{
		"Content-Type: text/xml; charset=utf-16":                     http.StatusUnsupportedMediaType,
		"Content-Type: text/xml; charset=utf-7":                      http.StatusUnsupportedMediaType,
		"Content-Type: text/xml; charset=utf-8; charset=utf-7":       http.StatusUnsupportedMediaType,
		"Content-Type: multipart/related; boundary=x":                http.StatusUnsupportedMediaType,
		"Content-Type: application/json":                             http.StatusUnsupportedMediaType,
		"Content-Type: ":                                             http.StatusUnsupportedMediaType,
		"Content-Encoding: gzip":                                     http.StatusUnsupportedMediaType,
		"Content-Type: application/soap+xml":                         http.StatusBadRequest,
		"Soapaction: " + ns + "SendEnvelope_v1":                      http.StatusBadRequest,
		`Soapaction: "` + ns + `SendEnvelope_v1"`:                    http.StatusBadRequest,
		`Soapaction: "urn:x/GetVersion_v1"`:                          http.StatusBadRequest,
		`Content-Type: text/xml; action="` + ns + `SendEnvelope_v1"`: http.StatusBadRequest,
		`Soapaction: "` + ns + `GetVersion_v1"`:                      http.StatusOK,
		`Soapaction: `:                                               http.StatusOK,
		`Soapaction: ""`:                                             http.StatusOK,
		"Content-Type: TEXT/XML;charset=UTF-8":                       http.StatusOK,
		`Content-Type: text/xml; charset="utf-8"`:                    http.StatusOK,
	} {
		reached.Store(0)
		if got := w.call(t, version, header); got.StatusCode != want || (reached.Load() > 0) != (want == http.StatusOK) {
			t.Errorf("%s: %s, want %d: %s", header, got.Status, want, got.body)
		}
	}
	got := w.call(t, version, `Soapaction: "`+ns+`GetVersion_v1"`, `Soapaction: "`+ns+`SendEnvelope_v1"`)
	if got.StatusCode == http.StatusOK {
		t.Error("a message with two different actions was accepted")
	}
	if got := w.call(t, version, "Content-Type: text/xml", "Content-Type: text/xml; charset=utf-7"); got.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("two types: %s", got.Status)
	}
}

// TestTwoCredentialsInOneCall expects a credential in the headers to be ignored on its own, and
// refused next to another one in the message.
func TestTwoCredentialsInOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	for _, h := range []string{"Apitoken: " + w.secret, "Authorization: Bearer " + w.secret, "Organizationkey: " + w.organization} {
		if got := w.call(t, operation("FindEnvelopes_v1", "<authorization/>"), h); !strings.Contains(got.body, "This API needs an API token.") {
			t.Errorf("only a header: %s", got.body)
		}
	}
	if got := w.call(t, message(`<FindEnvelopes_v1 xmlns="`+ns+`"/>`), "Apitoken: "+w.secret); !strings.Contains(got.body, "This API needs an API token.") {
		t.Errorf("no parameter: %s", got.body)
	}
	for _, h := range []string{"Apitoken: " + w.organization, "Authorization: Basic eDp5", "Organizationkey: x"} {
		if got := w.call(t, operation("FindEnvelopes_v1", userToken(w.secret)), h); !strings.Contains(got.body, "more than one credential") {
			t.Errorf("%s: %s", h, got.body)
		}
	}
	nameless := operation("FindEnvelopes_v1", "<authorization><organizationKey>"+w.organization+"</organizationKey></authorization>")
	if got := w.call(t, nameless, "Userloginname: "+w.grace.Login); !strings.Contains(got.body, "needs the login name") {
		t.Errorf("only the name in a header: %s", got.body)
	}
	if got := w.call(t, operation("FindEnvelopes_v1", userToken(w.secret)), "Apitoken: "+w.secret); got.Header.Get("Got-X-Keyporter-Login") != w.ada.Login {
		t.Errorf("the same twice: %s", got.body)
	}
}

// upload writes a message with an upload of n bytes, followed by tail.
func upload(out io.Writer, authorization string, n int64, tail string) error {
	head, end, _ := strings.Cut(operation("UploadTemporarySspFile_v1", authorization), "<envelopeId>7</envelopeId>")
	if _, err := io.WriteString(out, head+"<fileXml>&lt;file&gt;&lt;name&gt;a.pdf&lt;/name&gt;&lt;data&gt;"); err != nil {
		return err
	}
	if _, err := io.CopyN(base64.NewEncoder(base64.StdEncoding, out), rand.Reader, n); err != nil {
		return err
	}
	_, err := io.WriteString(out, "&lt;/data&gt;&lt;/file&gt;</fileXml>"+tail+end)
	return err
}

// TestABigUploadIsStreamed expects an upload to be passed on as it arrives, without being kept in memory.
func TestABigUploadIsStreamed(t *testing.T) {
	first := make(chan struct{})
	var got atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, 100)); err == nil {
			close(first)
		}
		n, err := io.Copy(io.Discard, r.Body)
		got.Store(n + 100)
		fmt.Fprint(rw, n, err)
	})
	const size = 24 << 20
	in, out := io.Pipe()
	var sent counter
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	go func() {
		head := &bytes.Buffer{}
		_ = upload(head, userToken(w.secret), 60<<10, "")
		whole := head.Bytes()
		cut := bytes.Index(whole, []byte("&lt;/data"))
		_, _ = io.MultiWriter(out, &sent).Write(whole[:cut])
		<-first // the API has the beginning before the rest is sent
		_, _ = io.CopyN(io.MultiWriter(out, &sent), letters{}, size)
		_, _ = io.MultiWriter(out, &sent).Write(whole[cut:])
		_ = out.Close()
	}()
	answer := w.send(t, "POST", "/Api.asmx", in)
	runtime.ReadMemStats(&after)
	if taken := int64(len(escaped(userToken(w.secret)))); answer.StatusCode != http.StatusOK || got.Load() != sent.n-taken {
		t.Errorf("%s %s: the API got %d of %d bytes", answer.Status, answer.body, got.Load(), sent.n)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 10<<20 {
		t.Errorf("%d MB were allocated for an upload of %d", grown>>20, sent.n>>20)
	}
	t.Logf("%d MB went through with %.1f MB allocated in all", sent.n>>20, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20))
}

// letters is an endless reader of base64.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

func escaped(s string) string { return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(s) }

// TestAnUploadThatTurnsBad has an attacker send, after a long upload, what would have been
// refused before it. The API must not get a complete message.
func TestAnUploadThatTurnsBad(t *testing.T) {
	t.Parallel()
	for name, tail := range map[string]string{
		"another authorization": "<authorizationXml>" + escaped(userToken("kpu_x")) + "</authorizationXml>",
		"a document type":       "<!DOCTYPE x>",
		"a wrong end":           "</other>",
		"no UTF-8":              "\xff",
	} {
		ended := make(chan error, 1)
		w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			ended <- err
			fmt.Fprint(rw, "done")
		})
		var text bytes.Buffer
		if err := upload(&text, userToken(w.secret), 1<<20, tail); err != nil {
			t.Fatal(err)
		}
		for _, body := range []io.Reader{bytes.NewReader(text.Bytes()), io.MultiReader(&text)} { // with a length, and without
			got := w.send(t, "POST", "/Api.asmx", body)
			if err := <-ended; err == nil || got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %s %s, and the API read %v", name, got.Status, got.body, err)
			}
		}
	}
}

// TestTheCredentialComesFirst expects a credential to be found only in the first 64 KB of a message.
func TestTheCredentialComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	auth := "<authorizationXml>" + escaped(userToken(w.secret)) + "</authorizationXml>"
	body := func(filling int) string {
		return message(`<UploadTemporarySspFile_v1 xmlns="` + ns + `"><fileXml>` + strings.Repeat("x", filling) + "</fileXml>" + auth + `</UploadTemporarySspFile_v1>`)
	}
	if got := w.call(t, body(60<<10)); got.Header.Get("Got-X-Keyporter-Login") != w.ada.Login {
		t.Errorf("within the first 64 KB: %s %.300s", got.Status, got.body)
	}
	if got := w.call(t, body(70<<10)); !strings.Contains(got.body, "This API needs an API token.") {
		t.Errorf("after the first 64 KB: %s %.300s", got.Status, got.body)
	}
	before := strings.Index(body(0), auth)
	for _, into := range []int{1, len("<authorizationXml>"), len(auth) / 2, len(auth) - 1} { // bytes of it within the first 64 KB
		if got := w.call(t, body(64<<10-before-into)); strings.Contains(got.body, w.secret) || got.StatusCode != http.StatusBadRequest && !strings.Contains(got.body, "needs an API token") {
			t.Errorf("%d bytes of it within: %s %.300s", into, got.Status, got.body)
		}
	}
}

// TestAnonymousCallersCantStreamToTheAPI lets callers without a credential ask for the version,
// but not send more than that takes.
func TestAnonymousCallersCantStreamToTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	long := message(`<GetVersion_v1 xmlns="` + ns + `"><x>` + strings.Repeat("x", 70<<10) + `</x></GetVersion_v1>`)
	if got := w.call(t, long); got.StatusCode != http.StatusBadRequest {
		t.Errorf("%s %.300s", got.Status, got.body)
	}
}

// TestAnonymousCallersCantHoldConnectionsOverSOAP has an attacker begin a message and never finish it.
func TestAnonymousCallersCantHoldConnectionsOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(25 * time.Second))
	fmt.Fprint(conn, "POST /Api.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<soap:Envelope")
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
		t.Errorf("%.200q, %v", got, err)
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		if got := w.send(t, method, "/Api.asmx", strings.NewReader(operation("GetVersion_v1", ""))); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") == "" {
			t.Errorf("%s: %s", method, got.Status)
		}
	}
}
