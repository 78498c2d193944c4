// Package soap is the door for SOAP APIs. It reads messages as they arrive, takes the credential
// out of their authorizationXml, has package verify check it, and forwards the message without
// the credential and with the identity headers. It has its own scanner, so that it can stream
// uploads instead of holding them in memory.
//
// It serves the WSDL and answers ValidateAuthorization_v1 itself. The API behind it implements
// the operations.
package soap

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Config is what a Door needs.
type Config struct {
	Checker *verify.Checker
	Proxies web.Proxies // trusted to say where a call came from
	Sunset  time.Time   // when organization tokens may stop working, announced in responses; zero: not set
	Address string      // the address of APIs without their own hosts; empty: that of the request
	Log     *slog.Logger
}

// Door serves SOAP APIs.
type Door struct {
	checker   *verify.Checker
	proxies   web.Proxies
	notices   verify.Notices
	address   string
	forwarder *web.Forwarder
}

// New returns a Door. Close it when it no longer serves.
func New(c Config) *Door {
	return &Door{
		checker: c.Checker, proxies: c.Proxies, notices: verify.NewNotices(c.Sunset), address: strings.TrimSuffix(c.Address, "/"),
		forwarder: web.NewForwarder(c.Proxies, c.Log),
	}
}

// Close closes the idle connections to APIs.
func (d *Door) Close() { d.forwarder.Close() }

// Claims reports whether a request is for a SOAP API.
func (d *Door) Claims(r *http.Request) bool { return d.route(r) != nil }

func (d *Door) route(r *http.Request) *verify.Route {
	return d.checker.SOAPRoute(r.Method, r.Host, web.SentPath(r))
}

// ServeHTTP serves a request that Claims accepts.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := web.NewRequestID()
	w.Header()[keyporter.HeaderRequestID] = []string{id}
	route := d.route(r)
	switch {
	case route == nil:
		web.LimitBodyTime(w, r)
		web.WriteProblem(w, web.Problem{Status: http.StatusNotFound, RequestID: id})
	case r.Method == http.MethodPost:
		d.call(w, r, &message{id: id, route: route})
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		d.describe(w, r, route)
	default:
		web.LimitBodyTime(w, r)
		w.Header().Set("Allow", "GET, HEAD, POST")
		web.WriteProblem(w, web.Problem{Status: http.StatusMethodNotAllowed, RequestID: id, Detail: "Send messages here with POST."})
	}
}

// mediaType returns the media type of messages whose envelope has this namespace.
func mediaType(version string) string {
	if version == soap11 {
		return "text/xml"
	}
	return "application/soap+xml"
}

// The door reads this much of a message before it decides, and waits for it this long.
const (
	headSize = 64 << 10
	headTime = 10 * time.Second
)

// message is a call on its way through the door.
type message struct {
	envelope

	id        string
	route     *verify.Route
	mediaType string
	action    string // the operation the HTTP headers name; empty if they name none
	scanner   *scanner
	head      []byte
	whole     bool // the head is all of it
}

// errTooLate means that a client took too long to send the part that must be read first.
var errTooLate = errors.New("the message didn't arrive in time")

// call handles a message.
func (d *Door) call(w http.ResponseWriter, r *http.Request, m *message) {
	if err := m.readHeaders(r.Header); err != nil {
		refuseMessage(w, r, m, err)
		return
	}
	// A client that isn't authenticated yet must not hold a connection.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(headTime))
	if err := m.read(r.Body); err != nil {
		refuseMessage(w, r, m, err)
		return
	}
	authorization, err := readAuthorization(m.credential())
	if err != nil {
		refuseMessage(w, r, m, err)
		return
	}
	switch {
	case !m.calls("GetVersion_v1"):
		d.decide(w, r, m, &authorization)
	case !m.whole: // callers without a credential must not fill the API's memory
		refuseMessage(w, r, m, malformed("GetVersion_v1 has no parameters"))
	default:
		d.pass(w, m.nameOnly(r), m, &verify.Decision{}) // for everyone, so without an identity
	}
}

// calls reports whether the message calls this operation of the API.
func (m *message) calls(name string) bool {
	return m.operation.space == namespace && m.operation.local == name
}

// decide checks the call, and answers or forwards it.
func (d *Door) decide(w http.ResponseWriter, r *http.Request, m *message, a *authorization) {
	req := verify.Request{
		Method: r.Method, Host: r.Host, Path: web.SentPath(r), ClientIP: d.proxies.ClientAddr(r), Agent: r.UserAgent(), RequestID: m.id,
		APIToken: a.apiToken, OrganizationKey: a.organizationKey, UserLoginName: a.userLoginName, PassedOn: true,
	}
	headers := keyporter.CredentialHeadersOf(r.Header)
	// A credential in the headers doesn't count over SOAP. Next to one in the message, it is one too many.
	if anyValue(a.apiToken) || anyValue(a.organizationKey) {
		req.APIToken = append(req.APIToken, headers[keyporter.HeaderAPIToken]...)
		req.OrganizationKey = append(req.OrganizationKey, headers[keyporter.HeaderOrganizationKey]...)
		req.Authorization = headers[keyporter.HeaderAuthorization]
	}
	if anyValue(a.userLoginName) {
		req.UserLoginName = append(req.UserLoginName, headers[keyporter.HeaderUserLoginName]...)
	}
	decision := d.checker.Check(r.Context(), &req)
	switch {
	case !decision.Allowed:
		web.LimitBodyTime(w, r)
		refusal := decision.Reason.Refusal()
		if refusal.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		write(w, &m.envelope, http.StatusOK, failed(refusal.Status, refusal.Text, m.id))
	case m.calls("ValidateAuthorization_v1"):
		web.LimitBodyTime(w, r)
		decision.Answered(http.StatusOK)
		d.notices.AddTo(w.Header(), &decision)
		write(w, &m.envelope, http.StatusOK, succeeded())
	default:
		d.pass(w, m.withoutCredential(r), m, &decision)
	}
}

// anyValue reports whether one of the values isn't empty.
func anyValue(values []string) bool { return strings.Join(values, "") != "" }

// unsupported says why the headers of a message aren't accepted.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// readHeaders reads what the HTTP headers say about the message, and returns an error if
// something in them isn't accepted. The API reads the message as its headers say: in another
// encoding, it would be a different message, and by another action, it would call a different
// operation than the one that was checked.
func (m *message) readHeaders(h http.Header) error {
	var params map[string]string
	var err error
	if len(h["Content-Type"]) == 1 {
		m.mediaType, params, err = mime.ParseMediaType(h.Get("Content-Type"))
	}
	m.action = params["action"]
	agree := true
	for _, header := range h["Soapaction"] {
		action := strings.Trim(strings.TrimSpace(header), `"`)
		agree = agree && (m.action == "" || action == "" || m.action == action)
		m.action = cmp.Or(m.action, action) // also for a refusal, which names the operation
	}
	charset, given := params["charset"]
	switch {
	case err != nil || m.mediaType != mediaType(soap11) && m.mediaType != mediaType(soap12):
		return unsupported("A message must be text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2).")
	case given && !strings.EqualFold(charset, "utf-8"):
		return unsupported("A message must be in UTF-8.")
	case len(h["Content-Encoding"]) > 0:
		return unsupported("A message must not be compressed.")
	case !agree:
		return unsupported("The message has two different actions.")
	}
	return nil
}

// read reads the head of the message, which is all of it if it is no longer than headSize.
func (m *message) read(body io.Reader) error {
	m.head = make([]byte, 0, 4<<10)
	for len(m.head) < headSize {
		if len(m.head) == cap(m.head) {
			m.head = append(make([]byte, 0, min(4*cap(m.head), headSize)), m.head...)
		}
		n, err := body.Read(m.head[len(m.head):cap(m.head)])
		m.head = m.head[:len(m.head)+n]
		if errors.Is(err, io.EOF) {
			m.whole = true
			break
		}
		if err != nil {
			return lateOr(err)
		}
	}
	m.scanner = newScanner(m.head, &m.envelope)
	if err := m.scanner.write(m.head[m.scanner.first:]); err != nil {
		return err
	}
	if m.whole {
		if err := m.scanner.close(); err != nil {
			return err
		}
	}
	return m.check()
}

// check requires the head to contain everything needed to decide.
func (m *message) check() error {
	switch {
	case m.operation.local == "" || m.within:
		return malformed("it has too much content before the end of authorizationXml")
	case m.mediaType != mediaType(m.version):
		return malformed("its media type belongs to another version of SOAP")
	case m.action != "" && !m.isAction(m.action):
		return malformed("its action and its body name different operations")
	case m.addressed:
		action, err := textOf(m.head[m.actionFrom:m.actionUntil])
		if action = strings.TrimSpace(action); err != nil || action != "" && !m.isAction(action) {
			return malformed("the action in its headers and its body name different operations")
		}
	}
	return nil
}

// isAction reports whether an action names the operation in the body.
func (m *message) isAction(action string) bool {
	space, local := m.operation.space, m.operation.local
	return action == space+local || action == strings.TrimSuffix(space, "/")+"/"+local
}

// credential returns the content of authorizationXml, escaped as in the message.
func (m *message) credential() []byte { return m.head[m.from:m.until] }
