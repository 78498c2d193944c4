package esign

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// The same API over SOAP, with as much as a first envelope needs. Keyporter handles credentials, so
// authorizationXml arrives empty.

const (
	soapPath      = "/api.asmx" // in any letter case
	soapNamespace = "http://www.eSignAnyWhere.com/"

	// maxMessage is the maximum size of a message in bytes. An upload is read into memory here, as
	// base64 in a string; REST accepts bigger ones.
	maxMessage = 24 << 20
)

// soapOperation performs an operation, and returns the content of okInfo: text, or a value that is
// encoded as elements.
type soapOperation struct {
	access access
	do     func(context.Context, Caller, soapParameters) (any, error)
}

func (s *Service) soapOperations() map[string]soapOperation {
	return map[string]soapOperation{
		"GetVersion_v1":             {anyone, nothing},
		"ValidateAuthorization_v1":  {caller, nothing},
		"UploadTemporarySspFile_v1": {caller, s.uploadSOAP},
		"SendEnvelope_v1":           {caller, s.sendSOAP},
		"GetEnvelopeById_v1":        {caller, s.getSOAP},
		"FindEnvelopes_v1":          {caller, s.findSOAP},
	}
}

// soap answers a message. The result says whether its operation succeeded. The HTTP status only
// says whether the request is a message and has a caller.
func (s *Service) soap(w http.ResponseWriter, r *http.Request) {
	var m soapMessage
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if xml.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&m) != nil || m.Body.Operation.XMLName.Space != soapNamespace {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c, known := callerOf(r.Header)
	o, ok := s.soapOperations()[m.Body.Operation.XMLName.Local]
	if !known && (!ok || o.access == caller) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	res := apiResult{Version: Version, BaseResult: "ok"}
	var info any
	err := error(errNoOperation)
	if ok {
		info, err = o.do(r.Context(), c, m.Body.Operation)
	}
	if err != nil {
		f, trace, there := s.faultOf(r, err)
		if !there {
			return
		}
		res.BaseResult, res.ErrorInfo = "failed", &errorInfo{f.id, f.id + ": " + f.text, trace}
	} else if info != nil {
		res.OkInfo = &okInfo{info}
	}
	writeSOAP(w, &m, res)
}

func nothing(context.Context, Caller, soapParameters) (any, error) { return nil, nil } //nolint:nilnil // its okInfo is missing

func (s *Service) uploadSOAP(ctx context.Context, c Caller, p soapParameters) (any, error) {
	var f soapFile
	if err := readXML(p.FileXML, "fileXml", &f); err != nil {
		return nil, err
	}
	name, err := plainName(f.Name)
	if err != nil {
		return nil, err
	}
	return s.store(ctx, c, name, base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimSpace(f.Data))))
}

func (s *Service) sendSOAP(ctx context.Context, c Caller, p soapParameters) (any, error) {
	var d soapEnvelope
	if err := readXML(p.EnvelopeDescriptionXML, "envelopeDescriptionXml", &d); err != nil {
		return nil, err
	}
	e, err := sendRequest5{p.SspFileIDs, d.description()}.envelope()
	if err != nil {
		return nil, err
	}
	return s.create(ctx, c, e)
}

func (s *Service) getSOAP(ctx context.Context, c Caller, p soapParameters) (any, error) {
	e, err := s.get(ctx, c, p.EnvelopeID)
	return newSOAPStatus(e), err
}

func (s *Service) findSOAP(ctx context.Context, c Caller, p soapParameters) (any, error) {
	var q soapFind
	if strings.TrimSpace(p.FindEnvelopesDescriptorXML) != "" {
		if err := readXML(p.FindEnvelopesDescriptorXML, "findEnvelopesDescriptorXml", &q); err != nil {
			return nil, err
		}
	}
	page, err := s.find(ctx, c, findRequest{SearchText: q.SearchText, Status: q.Status}, active, completed, canceled, rejected, expired, draft, template)
	found := soapFound{}
	for _, e := range page {
		found.Envelopes = append(found.Envelopes, soapFoundEnvelope{e.id, e.name, status5(e.status)})
	}
	return found, err
}

// readXML reads the XML in a parameter.
func readXML(text, parameter string, to any) error {
	if strings.TrimSpace(text) == "" {
		return missing(parameter)
	}
	if xml.Unmarshal([]byte(text), to) != nil {
		return invalid(parameter + " isn't the expected XML.")
	}
	return nil
}

// writeSOAP answers a message with the result of its operation, which is XML in a string.
func writeSOAP(w http.ResponseWriter, m *soapMessage, res apiResult) {
	inner, err := xml.Marshal(res)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var out bytes.Buffer
	name := m.Body.Operation.XMLName.Local
	fmt.Fprintf(&out, `%s<soap:Envelope xmlns:soap="%s"><soap:Body><%sResponse xmlns="%s"><%[3]sResult>`, xml.Header, m.XMLName.Space, name, soapNamespace)
	_ = xml.EscapeText(&out, inner) // writing to a buffer can't fail
	fmt.Fprintf(&out, `</%[1]sResult></%[1]sResponse></soap:Body></soap:Envelope>`, name)
	contentType := "text/xml"
	if m.XMLName.Space != soap11 {
		contentType = "application/soap+xml"
	}
	w.Header().Set("Content-Type", contentType+"; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // fails only if the client is gone
}
