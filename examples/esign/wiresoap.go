package esign

import (
	"encoding/xml"
	"time"
)

// The messages over SOAP. Anything structured is XML in a string.

const soap11 = "http://schemas.xmlsoap.org/soap/envelope/"

type soapMessage struct {
	XMLName xml.Name
	Body    struct {
		Operation soapParameters `xml:",any"`
	}
}

// soapParameters has the parameters of all operations.
type soapParameters struct {
	XMLName                    xml.Name // of the operation
	FileXML                    string   `xml:"fileXml"`
	SspFileIDs                 []string `xml:"sspFileIds>string"`
	EnvelopeDescriptionXML     string   `xml:"envelopeDescriptionXml"`
	EnvelopeID                 string   `xml:"envelopeId"`
	FindEnvelopesDescriptorXML string   `xml:"findEnvelopesDescriptorXml"`
}

type apiResult struct {
	XMLName    xml.Name   `xml:"apiResult"`
	Version    string     `xml:"version,attr"`
	BaseResult string     `xml:"baseResult"`
	OkInfo     *okInfo    `xml:"okInfo"`
	ErrorInfo  *errorInfo `xml:"errorInfo"`
}

// okInfo contains text or elements.
type okInfo struct{ info any }

// MarshalXML writes an ID as text, as clients expect.
func (o okInfo) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if id, ok := o.info.(string); ok {
		return e.EncodeElement(id, start)
	}
	return e.EncodeElement(struct{ Info any }{o.info}, start)
}

type errorInfo struct {
	Error     string `xml:"error"`
	ErrorMsg  string `xml:"errorMsg"`
	SupportID string `xml:"supportId"`
}

type soapFile struct {
	Name string `xml:"name"`
	Data string `xml:"data"` // base64
}

type soapEnvelope struct {
	XMLName xml.Name   `xml:"envelope"`
	Name    string     `xml:"name"`
	Steps   []soapStep `xml:"steps>step"`
}

type soapStep struct {
	OrderIndex    int             `xml:"orderIndex"`
	RecipientType string          `xml:"recipientType"`
	Recipients    []soapRecipient `xml:"recipients>recipient"`
}

type soapRecipient struct {
	OrderIndex int    `xml:"orderIndex,omitempty"`
	FirstName  string `xml:"firstName"`
	LastName   string `xml:"lastName"`
	Email      string `xml:"eMail"`
	Type       string `xml:"type,omitempty"`
}

// description converts it to version 5.
func (e soapEnvelope) description() description5 {
	d := description5{Name: e.Name}
	for _, s := range e.Steps {
		step := step5{OrderIndex: s.OrderIndex, RecipientType: s.RecipientType}
		for _, r := range s.Recipients {
			step.Recipients = append(step.Recipients, recipient5{r.Email, r.FirstName, r.LastName})
		}
		d.Steps = append(d.Steps, step)
	}
	return d
}

type soapFind struct {
	SearchText string `xml:"searchText"`
	Status     status `xml:"status"`
}

type soapFound struct {
	XMLName   xml.Name            `xml:"envelopes"`
	Envelopes []soapFoundEnvelope `xml:"envelope"`
}

type soapFoundEnvelope struct {
	ID     string `xml:"id"`
	Name   string `xml:"name"`
	Status string `xml:"status"`
}

type soapStatus struct {
	XMLName  xml.Name   `xml:"envelopeStatus"`
	ID       string     `xml:"id"`
	Name     string     `xml:"name"`
	Status   string     `xml:"status"`
	SendDate string     `xml:"sendDate"`
	Bulks    []soapBulk `xml:"bulkRecipients>bulkRecipient"` // the envelope itself, once
}

type soapBulk struct {
	Email      string          `xml:"eMail,attr"`
	Status     string          `xml:"status"`
	Recipients []soapRecipient `xml:"recipients>recipient"`
}

func newSOAPStatus(e envelope) soapStatus {
	out := soapStatus{ID: e.id, Name: e.name, Status: status5(e.status)}
	if e.status.sent() {
		out.SendDate = e.createdAt.UTC().Format(time.RFC3339)
	}
	bulk := soapBulk{Status: out.Status}
	for i, r := range e.recipients {
		bulk.Recipients = append(bulk.Recipients, soapRecipient{i + 1, r.givenName, r.surname, r.email, recipientType5(r.action)})
	}
	out.Bulks = []soapBulk{bulk}
	return out
}
