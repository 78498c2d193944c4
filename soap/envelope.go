package soap

import "strings"

// namespace is the namespace of the API's operations.
const namespace = "http://www.eSignAnyWhere.com/"

// The namespaces of SOAP 1.1 and 1.2 envelopes.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// parameter is the name of the parameter that carries the credential.
const parameter = "authorizationXml"

// envelope is the structure of a message. As the handler of the message's scanner, it
// enforces the shape: an Envelope with an optional Header and a Body, in the Body one
// operation, and in the operation at most one authorizationXml.
type envelope struct {
	version   string // the namespace of SOAP 1.1 or 1.2
	operation element
	hasBody   bool
	hasHeader bool
	inBody    bool

	authorized  bool  // there is an authorizationXml
	within      bool  // it is being read
	from, until int64 // where its content is in the message

	addressed               bool // a header block names an action, as in WS-Addressing
	actionDepth             int  // of the header block while it is being read, otherwise 0
	actionFrom, actionUntil int64
}

// maxOperation is the maximum length of an operation's name in bytes.
const maxOperation = 100

func (e *envelope) start(el element, depth int, content int64) error {
	isParameter := strings.EqualFold(el.local, parameter)
	switch {
	case e.within:
		return malformed("authorizationXml is a string: write &lt; for each < in it")
	case e.actionDepth > 0 || e.addressed && e.isAction(el, depth):
		return malformed("its headers must name one action, as text")
	case e.isAction(el, depth):
		e.addressed, e.actionDepth, e.actionFrom = true, depth, content
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

// isAction reports whether an element is an Action in the Header. Its namespace doesn't matter: there have
// been several versions of WS-Addressing, and it isn't known which ones the API looks for.
func (e *envelope) isAction(el element, depth int) bool {
	return depth > 2 && !e.hasBody && strings.EqualFold(el.local, "Action")
}

// part handles a child of the Envelope.
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
	case e.actionDepth > 0: // nothing is inside of it
		e.actionDepth, e.actionUntil = 0, content
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
