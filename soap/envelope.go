package soap

import "strings"

// namespace is that of the API's operations.
const namespace = "http://www.eSignAnyWhere.com/"

// The namespaces of SOAP 1.1 and 1.2 envelopes.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// parameter is the name of the parameter that carries the credential.
const parameter = "authorizationXml"

// envelope is what a message says of itself. It is the handler of the message's scanner,
// and holds it to the shape that it must have: an Envelope with a Header, which may be
// missing, and a Body; in the Body one operation; and in that at most one authorizationXml.
type envelope struct {
	version   string // its namespace
	operation element
	hasBody   bool
	hasHeader bool
	inBody    bool

	authorized  bool // there is an authorizationXml
	within      bool // it is being read
	from, until int64
}

// maxOperation is how many bytes the name of an operation may have.
const maxOperation = 100

func (e *envelope) start(el element, depth int, content int64) error {
	isParameter := strings.EqualFold(el.local, parameter)
	switch {
	case e.within:
		return malformed("authorizationXml is a string: write &lt; for each < in it")
	case isParameter && !(depth == 4 && e.inBody && el.local == parameter):
		return malformed("authorizationXml isn't directly inside the operation")
	case isParameter && e.authorized:
		return malformed("it has more than one authorizationXml")
	case isParameter:
		e.authorized, e.within, e.from = true, true, content
	case depth == 1:
		if el.local != "Envelope" || el.space != soap11 && el.space != soap12 {
			return malformed("it is not a SOAP envelope")
		}
		e.version = el.space
	case depth == 2:
		return e.part(el)
	case depth == 3 && e.inBody:
		if e.operation.local != "" || len(el.local) > maxOperation {
			return malformed("its body must have one operation")
		}
		e.operation = el
	}
	return nil
}

// part is told of a child of the envelope.
func (e *envelope) part(el element) error {
	switch {
	case el.space != e.version || e.hasBody:
	case el.local == "Header" && !e.hasHeader:
		e.hasHeader = true
		return nil
	case el.local == "Body":
		e.hasBody, e.inBody = true, true
		return nil
	}
	return malformed("an envelope has an optional Header and a Body")
}

func (e *envelope) end(depth int, content int64) error {
	switch {
	case depth == 4 && e.within:
		e.within, e.until = false, content
	case depth == 2 && e.inBody:
		e.inBody = false
		if e.operation.local == "" {
			return malformed("its body must have one operation")
		}
	case depth == 1 && !e.hasBody:
		return malformed("an envelope has an optional Header and a Body")
	}
	return nil
}
