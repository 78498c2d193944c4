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

// The paths where proxies ask about their calls. Most proxies use the first; nginx and Envoy can't.
const (
	verifyPath = "/verify"
	nginxPath  = verifyPath + "/nginx"
	envoyPath  = verifyPath + "/envoy" // followed by the path of the call
)

// questionHeader marks the questions of Envoy over HTTP, which are otherwise like calls.
const questionHeader = keyporter.OwnHeaderPrefix + "Question"

// Asks reports whether a request is a proxy's question, which belongs to Verify.
func (g *Gateway) Asks(r *http.Request) bool {
	return r.URL.Path == verifyPath || r.URL.Path == nginxPath || strings.HasPrefix(r.URL.Path, envoyPath+"/")
}

// IsQuestion reports whether a request that Asks accepts describes a call in its headers, or says that it is
// a question, and comes from a trusted proxy.
func (g *Gateway) IsQuestion(r *http.Request) bool {
	_, fromProxy := g.proxies.Client(r)
	described := func(name string) bool { return len(r.Header[name]) > 0 }
	return fromProxy && slices.ContainsFunc([]string{"X-Forwarded-Uri", "X-Original-Uri", "X-Original-Url", questionHeader}, described)
}

// RefuseQuestion refuses to answer about an API that the gateway itself passes calls to. Such a question must not be
// taken for a call to the API, which might say 200.
func (g *Gateway) RefuseQuestion(w http.ResponseWriter, r *http.Request) {
	web.LimitBodyTime(w, r)
	refuse := func(w http.ResponseWriter) {
		id := web.NewRequestID()
		w.Header()[keyporter.HeaderRequestID] = []string{id}
		web.WriteProblem(w, web.Problem{
			Status: http.StatusForbidden, RequestID: id,
			Detail: "This host is of an API with an upstream, so Keyporter passes its calls on. If another proxy does that and asks here, remove upstream from the API.",
		})
	}
	if r.URL.Path == nginxPath {
		answerNginx(w, refuse)
		return
	}
	refuse(w)
}

// Verify answers a proxy's question about one of its calls. Caddy (forward_auth), Traefik
// (forwardAuth) and others ask at /verify, and describe the call with X-Forwarded-Method, -Host
// and -Uri, or X-Original-Method, -Uri or -Url. If the method is missing, routes with methods
// don't match. nginx (auth_request) asks the same way at /verify/nginx, and Envoy (ext_authz over
// HTTP) at /verify/envoy. Only trusted proxies get an answer.
//
// If the call is allowed, the response is 200 with the identity headers and no body. If it is
// refused, status, WWW-Authenticate and body are what the API's clients expect. If the question
// makes no sense, the response is 400.
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

// ask answers the question r. read gets the call it is about from r. ask returns the decision, or
// nil if there was none.
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
	g.notices.AddTo(h, &d)
	if uncacheable(&req) {
		h["Cache-Control"] = noStore
	}
	w.WriteHeader(http.StatusOK)
	return &d
}

// uncacheable reports whether proxies must not cache the answer for other calls. A proof is only
// good for one call. If a header is repeated, some proxies only look at the first one, and would
// take another call for the same.
func uncacheable(req *verify.Request) bool {
	headers := req.Headers()
	twice := func(values []string) bool { return len(values) > 1 }
	return len(req.DPoP) > 0 || slices.ContainsFunc(headers[:], twice)
}

// Errors in the question, for the proxy's owner.
var (
	errNoURI      = errors.New("the proxy must send the path of the call in X-Forwarded-Uri or X-Original-Uri")
	errTwoValues  = errors.New("the X-Forwarded-… and X-Original-… headers disagree about the call; the proxy must set each of them itself, once")
	errUnreadable = errors.New("X-Original-Url isn't a valid address")
)

// forwarded reads the headers with which a proxy describes a call.
func forwarded(r *http.Request, req *verify.Request) error {
	var uri, method, host described
	uri.add(r.Header["X-Forwarded-Uri"])
	uri.add(r.Header["X-Original-Uri"])
	method.add(r.Header["X-Forwarded-Method"])
	method.add(r.Header["X-Original-Method"])
	host.add(r.Header["X-Forwarded-Host"])
	for _, address := range r.Header["X-Original-Url"] {
		h, u, ok := split(address)
		if !ok {
			return errUnreadable
		}
		host.add([]string{h})
		uri.add([]string{u})
	}
	switch {
	case uri.differ || method.differ || host.differ:
		return errTwoValues
	case uri.value == "":
		return errNoURI
	case web.HasBlank(uri.value):
		return web.ErrBlank
	}
	req.Path, _, _ = strings.Cut(uri.value, "?")
	req.Method, req.Host = method.value, host.value
	// Don't fall back to the question's own method, which is the proxy's choice. Without a method,
	// only routes for any method match.
	if req.Host == "" {
		req.Host = r.Host
	}
	return nil
}

// split splits an X-Original-Url. ingress-nginx sends the full address, others only the path. It
// parses as little as possible: what a URL parser makes of a path that starts with // or contains
// #, or of a host that contains ?, isn't what the API will get.
func split(address string) (host, uri string, ok bool) {
	if address == "" || address[0] == '/' {
		return "", address, true
	}
	_, rest, ok := strings.Cut(address, "://")
	i := strings.IndexByte(rest, '/')
	if !ok || i <= 0 || strings.ContainsAny(rest[:i], `?#@\`) {
		return "", "", false
	}
	return rest[:i], rest[i:], true
}

// described is one fact about a call that several headers may state. It only counts if they agree.
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
