package gateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Where proxies ask about their calls: all in the same way, but two that can't.
const (
	verifyPath = "/verify"
	nginxPath  = verifyPath + "/nginx"
	envoyPath  = verifyPath + "/envoy" // and behind it the path of the call
)

// Asks tells whether a request is the question of a proxy, for Verify.
func (g *Gateway) Asks(r *http.Request) bool {
	return r.URL.Path == verifyPath || r.URL.Path == nginxPath || strings.HasPrefix(r.URL.Path, envoyPath+"/")
}

// Verify answers the question that a proxy asks about a call of its own. Caddy
// (forward_auth), Traefik (forwardAuth) and others ask at /verify: method, host and path
// of the call are taken from X-Forwarded-Method, -Host and -Uri, or X-Original-Method,
// -Uri or -Url. Where the method isn't told, routes with methods don't fit. nginx
// (auth_request) asks in the same way at /verify/nginx, and Envoy (ext_authz over HTTP)
// at /verify/envoy. All this is believed from trusted proxies only.
//
// Allowed: 200, no body, the identity headers. Refused: status, WWW-Authenticate and
// body as the API wants them. A question that can't be understood: 400.
func (g *Gateway) Verify(w http.ResponseWriter, r *http.Request) {
	web.LimitBodyTime(w, r) // a question has no body
	switch r.URL.Path {
	case verifyPath:
		g.ask(w, r, forwarded)
	case nginxPath:
		answerNginx(w, func(w http.ResponseWriter) { g.ask(w, r, forwarded) })
	default:
		g.askForEnvoy(w, r)
	}
}

// ask answers the question r. Which call it is about, read takes from it. It returns the
// decision, nil when there was none.
func (g *Gateway) ask(w http.ResponseWriter, r *http.Request, read func(*http.Request, *verify.Request) error) *verify.Decision {
	id := web.NewRequestID()
	h := w.Header()
	h[keyporter.HeaderRequestID] = []string{id}
	req, fromProxy := g.request(r, id)
	if !fromProxy {
		web.WriteProblem(w, web.Problem{
			Status: http.StatusForbidden, RequestID: id,
			Detail: "Only trusted proxies can ask here. Add the proxy's address to trusted_proxies.",
		})
		return nil
	}
	if err := read(r, &req); err != nil {
		web.WriteProblem(w, web.Problem{Status: http.StatusBadRequest, RequestID: id, Detail: err.Error()})
		return nil
	}
	d := g.checker.Check(r.Context(), &req)
	if !d.Allowed {
		g.refuse(w, &d, id)
		return &d
	}
	for _, header := range d.Identity() {
		h[header.Name] = header.Values
	}
	g.notices.Tell(h, &d)
	if onlyOnce(&req) {
		h["Cache-Control"] = noStore
	}
	w.WriteHeader(http.StatusOK)
	return &d
}

// onlyOnce tells calls whose answer no proxy may keep for the next one: a proof is good for
// one call, and of two headers of a name some proxies know the first only, by which another
// call would be the same.
func onlyOnce(req *verify.Request) bool {
	headers := req.Headers()
	twice := func(values []string) bool { return len(values) > 1 }
	return len(req.DPoP) > 0 || slices.ContainsFunc(headers[:], twice)
}

// Errors about the question, told to the proxy's owner.
var (
	errNoURI      = errors.New("the proxy must send the path of the call in X-Forwarded-Uri or X-Original-Uri")
	errTwoValues  = errors.New("the X-Forwarded-… and X-Original-… headers disagree about the call; the proxy must set each of them itself, once")
	errUnreadable = errors.New("X-Original-Url isn't a valid address")
)

// forwarded reads the headers by which a proxy describes a call.
func forwarded(r *http.Request, req *verify.Request) error {
	var uri, method, host, scheme described
	scheme.add(r.Header["X-Forwarded-Proto"])
	uri.add(r.Header["X-Forwarded-Uri"])
	uri.add(r.Header["X-Original-Uri"])
	method.add(r.Header["X-Forwarded-Method"])
	method.add(r.Header["X-Original-Method"])
	host.add(r.Header["X-Forwarded-Host"])
	for _, address := range r.Header["X-Original-Url"] {
		s, h, u, ok := split(address)
		if !ok {
			return errUnreadable
		}
		if scheme.value == "" { // this proxy may be behind another, which knows better
			scheme.value = s
		}
		host.add([]string{h})
		uri.add([]string{u})
	}
	switch {
	case uri.differ || method.differ || host.differ:
		return errTwoValues
	case uri.value == "":
		return errNoURI
	}
	req.Path, _, _ = strings.Cut(uri.value, "?")
	req.Method, req.Host = method.value, host.value
	// The question's own method is that of the proxy: a method that isn't told fits no route that asks for one.
	if req.Host == "" {
		req.Host = r.Host
	}
	if len(req.DPoP) > 0 {
		req.Origin = origin(scheme.value, req.Host, r)
	}
	return nil
}

// split takes apart an X-Original-Url: ingress-nginx sends the whole address, others the
// path. It reads no more than it has to: what a parser of addresses makes of a path with
// // in front or with # in it, or of a host with ? in it, is not what the API will be called with.
func split(address string) (scheme, host, uri string, ok bool) {
	if address == "" || address[0] == '/' {
		return "", "", address, true
	}
	scheme, rest, ok := strings.Cut(address, "://")
	i := strings.IndexByte(rest, '/')
	if !ok || i <= 0 || strings.ContainsAny(rest[:i], `?#@\`) {
		return "", "", "", false
	}
	return scheme, rest[:i], rest[i:], true
}

// described is one fact that several headers may tell; it holds when they agree.
type described struct {
	value  string
	differ bool
}

func (d *described) add(values []string) {
	for _, v := range values {
		switch {
		case v == "" || v == d.value:
		case d.value == "":
			d.value = v
		default:
			d.differ = true
		}
	}
}
