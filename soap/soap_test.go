package soap_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/soap"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

const (
	ns     = "http://www.eSignAnyWhere.com/"
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// world is a door in front of an API that the test provides.
type world struct {
	*keyportertest.Node

	url          string
	door         http.Handler
	ada, grace   keyporter.User
	token        keyporter.Token
	secret       string
	organization string // secret of an organization token
	log          bytes.Buffer
}

func newWorld(t *testing.T, api http.HandlerFunc) *world {
	t.Helper()
	upstream := httptest.NewServer(api)
	t.Cleanup(upstream.Close)
	w := &world{Node: keyportertest.NewNode(t, keyportertest.Database(t))}
	apis := append(keyportertest.APIs(upstream.URL),
		verify.API{Name: "down", Upstream: "http://127.0.0.1:1", Routes: []verify.Route{{Path: "/Down.asmx", SOAP: true}}},
		verify.API{Name: "none", Routes: []verify.Route{{Path: "/None.asmx", SOAP: true, Methods: []string{"POST"}}}},
		verify.API{Name: "own", Upstream: upstream.URL, Hosts: []string{"api.example"}, Routes: []verify.Route{{Path: "/Own.asmx", SOAP: true}}})
	checker, err := verify.New(w.DB, verify.Options{APIs: apis, Now: w.Clock.Now, Usage: w.Usage})
	if err != nil {
		t.Fatal(err)
	}
	w.Checker = checker
	proxies, err := web.ParseProxies([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	door := soap.New(soap.Config{
		Checker: checker, Proxies: proxies, Sunset: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), Address: "https://keys.example/",
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	w.door = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !door.Claims(r) {
			http.Error(rw, "not the door's", http.StatusTeapot)
			return
		}
		door.ServeHTTP(rw, r)
	})
	front := httptest.NewServer(w.door)
	t.Cleanup(func() { front.Close(); door.Close() })
	w.url = front.URL
	w.ada = keyportertest.User(t, w.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	w.grace = keyportertest.User(t, w.Control, "Acme", "grace@acme.example", keyporter.RoleAPIUser)
	var secret keyporter.Secret
	w.token, secret = keyportertest.Token(t, w.Control, w.ada, "Export")
	w.secret = secret.Reveal()
	_, secret = keyportertest.OrganizationToken(t, w.Control, w.ada, "Archive")
	w.organization = secret.Reveal()
	return w
}

// echo answers with the request it got.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Got-Path", r.URL.RequestURI())
	w.Header().Set("Got-Length", fmt.Sprint(r.ContentLength))
	for name, values := range r.Header {
		w.Header().Set("Got-"+name, strings.Join(values, "|"))
	}
	_, _ = w.Write(body)
}

// message returns a SOAP 1.1 envelope with this body.
func message(body string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + soap11 + `"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// operation returns a message that calls an operation with an authorization, which it escapes.
func operation(name, authorization string) string {
	return message(`<` + name + ` xmlns="` + ns + `"><authorizationXml>` + html.EscapeString(authorization) + `</authorizationXml><envelopeId>7</envelopeId></` + name + `>`)
}

func userToken(secret string) string {
	return "<authorization><apiToken>" + secret + "</apiToken></authorization>"
}

type answer struct {
	*http.Response

	body string
}

// call sends a message; headers are "Name: value".
func (w *world) call(t *testing.T, message string, headers ...string) answer {
	t.Helper()
	return w.send(t, "POST", "/Api.asmx", strings.NewReader(message), headers...)
}

func (w *world) send(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		if name == "Content-Type" {
			req.Header.Del(name)
		}
		req.Header[name] = append(req.Header[name], value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(text)}
}

// apiResult is a result as clients read it.
type apiResult struct {
	XMLName    xml.Name `xml:"apiResult"`
	Version    string   `xml:"version,attr"`
	BaseResult string   `xml:"baseResult"`
	ErrorInfo  struct {
		Error     string  `xml:"error"`
		ErrorMsg  string  `xml:"errorMsg"`
		SupportID *string `xml:"supportId"`
	} `xml:"errorInfo"`
}

// result returns the result of an operation in one of Keyporter's answers.
func (a answer) result(t *testing.T, operation string) (r apiResult) {
	t.Helper()
	var envelope struct {
		XMLName xml.Name
		Body    struct {
			Response struct {
				XMLName xml.Name
				Result  struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		}
	}
	if err := xml.Unmarshal([]byte(a.body), &envelope); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	response := envelope.Body.Response
	if response.XMLName != (xml.Name{Space: ns, Local: operation + "Response"}) || response.Result.XMLName != (xml.Name{Space: ns, Local: operation + "Result"}) {
		t.Fatalf("this doesn't answer %s: %s", operation, a.body)
	}
	if err := xml.Unmarshal([]byte(response.Result.Text), &r); err != nil {
		t.Fatalf("%v in %s", err, response.Result.Text)
	}
	return r
}

func TestAMessageIsPassedOnWithoutItsCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	got := w.call(t, operation("GetEnvelopeById_v1", userToken(w.secret)), `Soapaction: "`+ns+`GetEnvelopeById_v1"`,
		"X-Keyporter-User: grace", "X_Keyporter_Login: grace@acme.example", "Organizationkey: ", "X-Custom: kept")
	if got.StatusCode != http.StatusOK || got.body != operation("GetEnvelopeById_v1", "") {
		t.Errorf("%s, the API got\n%s", got.Status, got.body)
	}
	for name, want := range map[string]string{
		"X-Keyporter-User": string(w.ada.ID), "X-Keyporter-Login": w.ada.Login, "X-Keyporter-Organization": string(w.ada.OrganizationID),
		"X-Keyporter-Credential": string(w.token.ID), "X-Keyporter-Credential-Kind": "user_token", "X_keyporter_login": "", "X-Keyporter-Actor": "",
		"X-Custom": "kept", "Soapaction": `"` + ns + `GetEnvelopeById_v1"`, "X-Keyporter-Request-Id": got.Header.Get("X-Keyporter-Request-Id"),
		"Length": fmt.Sprint(len(operation("GetEnvelopeById_v1", ""))),
	} {
		if is := got.Header.Get("Got-" + name); is != want {
			t.Errorf("the API got %s: %q, want %q", name, is, want)
		}
	}
	if strings.Contains(fmt.Sprint(got.Header, got.body, w.log.String()), w.secret) {
		t.Error("the secret is still in the message")
	}
}

// TestEachWayToWriteAnAuthorization writes the same authorization as various clients do.
func TestEachWayToWriteAnAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	organization := `<organizationKey>` + w.organization + `</organizationKey>`
	login := `<userLoginName>` + w.grace.Login + `</userLoginName>`
	for name, a := range map[string]struct {
		written string // as it is in the message
		is      string // the caller's login name
	}{
		"plain":           {html.EscapeString(userToken(w.secret)), w.ada.Login},
		"declared":        {html.EscapeString(`<?xml version="1.0" encoding="utf-16"?>` + "\r\n" + userToken(w.secret)), w.ada.Login},
		"declared utf-8":  {html.EscapeString(`<?xml version='1.0' encoding='utf-8' standalone="yes"?>` + userToken(w.secret)), w.ada.Login},
		"of .NET":         {html.EscapeString(`<authorization xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">` + organization + login + `</authorization>`), w.grace.Login},
		"other order":     {html.EscapeString(`<authorization>` + login + organization + `</authorization>`), w.grace.Login},
		"a default space": {html.EscapeString(`<authorization xmlns="urn:x">` + organization + login + `</authorization>`), w.grace.Login},
		"a prefix":        {html.EscapeString(`<e:authorization xmlns:e="urn:x"><e:apiToken>` + w.secret + `</e:apiToken></e:authorization>`), w.ada.Login},
		"attributes":      {html.EscapeString(`<authorization version="1"><apiToken kind='x'>` + w.secret + `</apiToken></authorization>`), w.ada.Login},
		"indented":        {html.EscapeString("\n <authorization>\n  <apiToken>\n   " + w.secret + "\n  </apiToken>\n </authorization>\n"), w.ada.Login},
		"a comment":       {html.EscapeString(`<authorization><!-- of the export --><apiToken>`+w.secret+`</apiToken></authorization>`) + `<!-- here, too -->`, w.ada.Login},
		"its name":        {html.EscapeString(`<authorization><apiToken>` + w.secret + `</apiToken><userLoginName>ADA@acme.example</userLoginName></authorization>`), w.ada.Login},
		"a stranger in":   {html.EscapeString(`<authorization><culture>de</culture><apiToken>` + w.secret + `</apiToken></authorization>`), w.ada.Login},
		"as CDATA":        {`<![CDATA[` + userToken(w.secret) + `]]>`, w.ada.Login},
		"half as CDATA":   {`<![CDATA[<authorization>]]>&lt;apiToken&gt;` + w.secret + `<![CDATA[</apiToken></authorization>]]>`, w.ada.Login},
		"as numbers":      {strings.NewReplacer("<", "&#60;", ">", "&#x3e;", "/", "&#x2F;").Replace(userToken(w.secret)), w.ada.Login},
		"CDATA within":    {html.EscapeString(`<authorization><apiToken><![CDATA[` + w.secret + `]]></apiToken></authorization>`), w.ada.Login},
		"only lt":         {strings.ReplaceAll(userToken(w.secret), "<", "&lt;"), w.ada.Login},
	} {
		got := w.call(t, message(`<GetEnvelopeById_v1 xmlns="`+ns+`"><authorizationXml>`+a.written+`</authorizationXml></GetEnvelopeById_v1>`))
		if is := got.Header.Get("Got-X-Keyporter-Login"); got.StatusCode != http.StatusOK || is != a.is {
			t.Errorf("%s: %s, and %q calls, not %q: %s", name, got.Status, is, a.is, got.body)
		}
		if !strings.Contains(got.body, "<authorizationXml></authorizationXml>") || strings.Contains(got.body, w.secret) || strings.Contains(got.body, w.organization) {
			t.Errorf("%s: the API got %s", name, got.body)
		}
	}
}

// TestOrganizationTokensAreAnnouncedAsDeprecated expects the notices that REST has, and the
// API to learn who acts.
func TestOrganizationTokensAreAnnouncedAsDeprecated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	authorization := "<authorization><organizationKey>" + w.organization + "</organizationKey><userLoginName>" + w.grace.Login + "</userLoginName></authorization>"
	got := w.call(t, operation("FindEnvelopes_v1", authorization))
	if !strings.HasPrefix(got.Header.Get("Deprecation"), "@") || got.Header.Get("Sunset") != "Sat, 01 Jan 2028 00:00:00 GMT" ||
		got.Header.Get("Got-X-Keyporter-Actor") != string(w.ada.ID) || got.Header.Get("Got-X-Keyporter-User") != string(w.grace.ID) {
		t.Errorf("%s %+v", got.Status, got.Header)
	}
	if got := w.call(t, operation("FindEnvelopes_v1", userToken(w.secret))); got.Header.Get("Deprecation") != "" {
		t.Error("a user token gets the notices, too")
	}
}

// TestEachWayToWriteAMessage sends envelopes as various clients write them, to every path.
func TestEachWayToWriteAMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	auth := html.EscapeString(userToken(w.secret))
	for name, text := range map[string]string{
		"a mark":       "\xef\xbb\xbf" + operation("FindEnvelopes_v1", userToken(w.secret)),
		"undeclared":   strings.TrimPrefix(operation("FindEnvelopes_v1", userToken(w.secret)), `<?xml version="1.0" encoding="utf-8"?>`),
		"prefixes":     `<SOAP-ENV:Envelope xmlns:SOAP-ENV="` + soap11 + `" xmlns:ns0="` + ns + `"><SOAP-ENV:Header/><SOAP-ENV:Body><ns0:FindEnvelopes_v1><ns0:authorizationXml>` + auth + `</ns0:authorizationXml></ns0:FindEnvelopes_v1></SOAP-ENV:Body></SOAP-ENV:Envelope>`,
		"a header":     `<Envelope xmlns="` + soap11 + `"><Header><x:id xmlns:x="urn:x" x:a="1">é &amp; 😀</x:id></Header><Body><f:FindEnvelopes_v1 xmlns:f="` + ns + `"><f:authorizationXml xml:space='preserve'>` + auth + "</f:authorizationXml></f:FindEnvelopes_v1>\r\n</Body></Envelope>\n<!-- end -->\n",
		"single quote": strings.ReplaceAll(operation("FindEnvelopes_v1", userToken(w.secret)), `"`, `'`),
	} {
		if got := w.call(t, text); got.StatusCode != http.StatusOK || got.Header.Get("Got-X-Keyporter-Login") != w.ada.Login {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
	}
	for _, path := range []string{"/Api.asmx", "/api.asmx", "/API.ASMX", "/aPi.AsMx?x=1", "/Api.asmx/"} {
		got := w.send(t, "POST", path, strings.NewReader(operation("FindEnvelopes_v1", userToken(w.secret))))
		if got.StatusCode != http.StatusOK || got.Header.Get("Got-Path") != path {
			t.Errorf("%s: %s, the API got %s", path, got.Status, got.Header.Get("Got-Path"))
		}
	}
	twelve := strings.ReplaceAll(operation("FindEnvelopes_v1", userToken(w.secret)), soap11, soap12)
	for _, contentType := range []string{"application/soap+xml", `application/soap+xml; charset=UTF-8; action="` + ns + `FindEnvelopes_v1"`} {
		if got := w.call(t, twelve, "Content-Type: "+contentType); got.StatusCode != http.StatusOK || got.Header.Get("Got-Content-Type") != contentType {
			t.Errorf("%s: %s %s", contentType, got.Status, got.body)
		}
	}
	for _, path := range []string{"/Api.asmx/FindEnvelopes_v1", "/Api%2easmx%2f", "//Api.asmx", "/Api/v4/version"} {
		if got := w.send(t, "POST", path, strings.NewReader("")); got.StatusCode != http.StatusTeapot {
			t.Errorf("the door claims %s", path)
		}
	}
}

// TestGetVersionNeedsNoCredential expects everyone to get the version, whatever authorization they send.
func TestGetVersionNeedsNoCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo)
	for _, text := range []string{message(`<GetVersion_v1 xmlns="` + ns + `"/>`), operation("GetVersion_v1", userToken("nonsense"))} {
		got := w.call(t, text, "X-Keyporter-User: evil", "Apitoken: "+w.secret)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "GetVersion_v1") || strings.Contains(got.body, "nonsense") {
			t.Errorf("%s %s", got.Status, got.body)
		}
		if is := got.Header.Get("Got-X-Keyporter-User") + got.Header.Get("Got-Apitoken"); is != "" {
			t.Errorf("the API got %q", is)
		}
	}
	if got := w.call(t, message(`<GetVersion_v1 xmlns="urn:another"/>`)); !strings.Contains(got.body, "failed") {
		t.Errorf("an operation of that name in another namespace: %s", got.body)
	}
}

func TestKeyporterAnswersValidateAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was asked") })
	got := w.call(t, operation("ValidateAuthorization_v1", userToken(w.secret)))
	if r := got.result(t, "ValidateAuthorization_v1"); got.StatusCode != http.StatusOK || r.BaseResult != "ok" || r.Version == "" || strings.Contains(got.body, "errorInfo") ||
		got.Header.Get("Content-Type") != "text/xml; charset=utf-8" || got.Header.Get("Deprecation") != "" {
		t.Errorf("%s %s %+v", got.Status, got.body, got.Header)
	}
	got = w.call(t, operation("ValidateAuthorization_v1", "<authorization><organizationKey>"+w.organization+"</organizationKey><userLoginName>grace@acme.example</userLoginName></authorization>"))
	if r := got.result(t, "ValidateAuthorization_v1"); r.BaseResult != "ok" || !strings.HasPrefix(got.Header.Get("Deprecation"), "@") || got.Header.Get("Sunset") != "Sat, 01 Jan 2028 00:00:00 GMT" {
		t.Errorf("%s %+v", got.body, got.Header)
	}
	got = w.call(t, operation("ValidateAuthorization_v1", userToken(w.secret+"x")))
	if r := got.result(t, "ValidateAuthorization_v1"); r.BaseResult != "failed" || r.ErrorInfo.Error != "ERR0001" || r.ErrorInfo.ErrorMsg != "ERR0001: The token is not valid." {
		t.Errorf("%s", got.body)
	}
}
