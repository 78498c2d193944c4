package esign

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
)

const soapEnvelopeXML = `<envelope><name>Lease &amp; keys</name><eMailSubject>x</eMailSubject><steps>` +
	`<step><orderIndex>2</orderIndex><recipientType>Cc</recipientType><recipients><recipient><eMail>archive@example.com</eMail></recipient></recipients></step>` +
	`<step><orderIndex>1</orderIndex><recipientType>Signer</recipientType><recipients><recipient><languageCode>en</languageCode><eMail>grace@acme.example</eMail><firstName>Grace</firstName><lastName>G</lastName></recipient></recipients></step>` +
	`</steps></envelope>`

// soapMessageOf returns a message that calls an operation with parameters: name, value, and so on.
func soapMessageOf(operation string, parameters ...string) string {
	var b strings.Builder
	b.WriteString(`<s:Envelope xmlns:s="` + soap11 + `"><s:Body><` + operation + ` xmlns="` + soapNamespace + `"><authorizationXml></authorizationXml>`)
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i] == "sspFileIds" {
			b.WriteString("<sspFileIds><string>" + parameters[i+1] + "</string></sspFileIds>")
			continue
		}
		b.WriteString("<" + parameters[i] + ">")
		_ = xml.EscapeText(&b, []byte(parameters[i+1]))
		b.WriteString("</" + parameters[i] + ">")
	}
	b.WriteString("</" + operation + "></s:Body></s:Envelope>")
	return b.String()
}

// overSOAP calls an operation and returns its result.
func (w *world) overSOAP(c Caller, operation string, parameters ...string) string {
	w.t.Helper()
	status, answer := w.call(c, "POST /Api.asmx", soapMessageOf(operation, parameters...))
	var m struct {
		Body struct {
			Response struct {
				XMLName xml.Name
				Result  struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		}
	}
	if err := xml.Unmarshal([]byte(answer), &m); err != nil || status != http.StatusOK || m.Body.Response.XMLName.Local != operation+"Response" || m.Body.Response.Result.XMLName.Local != operation+"Result" {
		w.t.Fatalf("%s: %d %s, %v", operation, status, answer, err)
	}
	return m.Body.Response.Result.Text
}

func okResult(info string) string {
	if info != "" {
		info = "<okInfo>" + info + "</okInfo>"
	}
	return `<apiResult version="` + Version + `"><baseResult>ok</baseResult>` + info + `</apiResult>`
}

func failedResult(f fault) string {
	return `<apiResult version="` + Version + `"><baseResult>failed</baseResult><errorInfo><error>` + f.id + `</error><errorMsg>` + f.id + `: ` + strings.ReplaceAll(f.text, "'", "&#39;") + `</errorMsg><supportId>` + traceID + `</supportId></errorInfo></apiResult>`
}

// TestAnEnvelopeOverSOAP expects to find over REST what was sent over SOAP, and vice versa.
func TestAnEnvelopeOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.overSOAP(Caller{}, "GetVersion_v1"); got != okResult("") {
		t.Errorf("version: %s", got)
	}
	if got := w.overSOAP(ada, "ValidateAuthorization_v1"); got != okResult("") {
		t.Errorf("validate: %s", got)
	}
	data := base64.StdEncoding.EncodeToString([]byte("%PDF of a lease"))
	fileID := w.id(http.StatusOK, w.overSOAP(ada, "UploadTemporarySspFile_v1", "fileXml", `<file><name>C:\docs\lease.pdf</name><data>`+data[:8]+"\r\n"+data[8:]+`</data></file>`))
	w.expect(ada, "GET /Api/v6/file/"+fileID, "", http.StatusOK, "%PDF of a lease")
	answer := w.overSOAP(ada, "SendEnvelope_v1", "sspFileIds", fileID, "envelopeDescriptionXml", soapEnvelopeXML)
	id := w.id(http.StatusOK, answer)
	if answer != okResult(id) {
		t.Errorf("send: %s", answer)
	}
	w.expect(ada, "POST /Api/v5/envelope/find", `{}`, http.StatusOK, `{"Envelopes":[{"Status":"InProgress","Id":"`+id+`","Name":"Lease \u0026 keys"}]}`)
	if got := w.overSOAP(ada, "FindEnvelopes_v1", "findEnvelopesDescriptorXml", "<findEnvelopesDescriptor><searchText>lease</searchText></findEnvelopesDescriptor>"); got !=
		okResult("<envelopes><envelope><id>"+id+"</id><name>Lease &amp; keys</name><status>InProgress</status></envelope></envelopes>") {
		t.Errorf("find: %s", got)
	}
	got := w.overSOAP(ada, "GetEnvelopeById_v1", "envelopeId", id)
	for _, want := range []string{
		"<okInfo><envelopeStatus><id>" + id + "</id><name>Lease &amp; keys</name><status>InProgress</status><sendDate>2",
		`<bulkRecipients><bulkRecipient eMail=""><status>InProgress</status><recipients><recipient><orderIndex>1</orderIndex><firstName>Grace</firstName><lastName>G</lastName><eMail>grace@acme.example</eMail><type>Signer</type></recipient>`,
		"<type>Cc</type>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("get: %s has no %s", got, want)
		}
	}
	if got := w.overSOAP(grace, "FindEnvelopes_v1"); got != okResult("<envelopes></envelopes>") {
		t.Errorf("grace finds %s", got)
	}
}

func TestFaultsOverSOAP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, fileID := w.send(ada, "Lease"), w.upload(ada, "a.pdf", "%PDF")
	notXML := func(p string) fault { return invalid(p + " isn't the expected XML.") }
	for _, c := range []struct {
		caller     Caller
		operation  string
		parameters []string
		is         fault
	}{
		{ada, "SendReminders_v1", nil, errNoOperation},
		{ada, "GetEnvelopeById_v1", nil, errNoEnvelope},
		{ada, "GetEnvelopeById_v1", []string{"envelopeId", unknownID}, errNoEnvelope},
		{grace, "GetEnvelopeById_v1", []string{"envelopeId", id}, errNoEnvelope},
		{grace, "SendEnvelope_v1", []string{"sspFileIds", fileID, "envelopeDescriptionXml", soapEnvelopeXML}, errNoFile},
		{ada, "SendEnvelope_v1", []string{"sspFileIds", fileID}, missing("envelopeDescriptionXml")},
		{ada, "SendEnvelope_v1", []string{"envelopeDescriptionXml", soapEnvelopeXML}, missing("A document")},
		{ada, "SendEnvelope_v1", []string{"sspFileIds", fileID, "envelopeDescriptionXml", "<envelope><name>x</name>"}, notXML("envelopeDescriptionXml")},
		{ada, "SendEnvelope_v1", []string{"sspFileIds", fileID, "envelopeDescriptionXml", "<other/>"}, notXML("envelopeDescriptionXml")},
		{ada, "FindEnvelopes_v1", []string{"findEnvelopesDescriptorXml", "<find><status>Nonsense</status></find>"}, invalid("You can't search by this Status.")},
		{ada, "UploadTemporarySspFile_v1", nil, missing("fileXml")},
		{ada, "UploadTemporarySspFile_v1", []string{"fileXml", "<file><data>QQ==</data></file>"}, errNoFileName},
		{ada, "UploadTemporarySspFile_v1", []string{"fileXml", "<file><name>a</name></file>"}, errEmptyFile},
		{ada, "UploadTemporarySspFile_v1", []string{"fileXml", "<file><name>a</name><data>?</data></file>"}, invalid("The upload can't be read to the end.")},
	} {
		if got := w.overSOAP(c.caller, c.operation, c.parameters...); got != failedResult(c.is) {
			t.Errorf("%s %q:\n got %s\nwant %s", c.operation, c.parameters, got, failedResult(c.is))
		}
	}
	if n := w.stored(); n != 2 {
		t.Errorf("%d files are kept", n)
	}
	for operation := range w.soapOperations() {
		if operation != "GetVersion_v1" {
			w.expect(Caller{}, "POST /Api.asmx", soapMessageOf(operation), http.StatusUnauthorized, "")
		}
	}
	w.expect(ada, "POST /api.ASMX", "<a>", http.StatusBadRequest, "")
	w.expect(ada, "POST /Api.asmx", strings.Replace(soapMessageOf("GetVersion_v1"), soapNamespace, "urn:x", 1), http.StatusBadRequest, "")
	w.expect(ada, "GET /Api.asmx", "", http.StatusMethodNotAllowed, "")
}
