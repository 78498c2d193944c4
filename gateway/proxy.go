package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Claims tells whether a call is for one of the APIs and not for the pages that share
// the listener: its host is one of an API's, or its path begins as a route does.
func (g *Gateway) Claims(r *http.Request) bool { return g.checker.Claims(r.Host, r.URL.Path) }

// ServeHTTP checks a call and, when it is allowed, passes it on to the API with the
// identity headers. Bodies are streamed both ways, websockets pass, and a client who goes
// away ends the call to the API.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := web.NewRequestID()
	w.Header()[web.RequestIDHeader] = []string{id}
	req, fromProxy := g.request(r, id)
	// The path as it will be sent: what was checked is what the API gets.
	req.Method, req.Host, req.Path = r.Method, r.Host, r.URL.EscapedPath()
	if len(req.DPoP) > 0 {
		req.Origin = originOf(r, fromProxy)
	}
	d := g.checker.Check(r.Context(), &req)
	if !d.Allowed {
		hurry(w, r)
		g.refuse(w, &d, id)
		return
	}
	if d.Route.API().Target() == nil {
		hurry(w, r)
		web.WriteProblem(w, web.Problem{Status: http.StatusNotFound, RequestID: id, Detail: "This API is not reached through Keyporter."})
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { g.rewrite(p, &d, id) },
		ModifyResponse: func(res *http.Response) error {
			g.notify(res.Header, &d)
			w.Header()[web.RequestIDHeader] = []string{id} // anew: an early hint clears all headers
			return clean(res, d.Route.API())
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { g.badGateway(w, r, &d, id, err) },
		Transport:    g.transport,
		BufferPool:   &buffers,
		ErrorLog:     g.proxyLog,
	}
	proxy.ServeHTTP(w, r)
}

// rewrite makes the request that the API gets. Hop-by-hop headers, those that the client
// names in Connection among them, were removed before, so that no client can have the
// identity headers removed.
func (g *Gateway) rewrite(p *httputil.ProxyRequest, d *verify.Decision, id string) {
	h := p.Out.Header
	fromProxy := g.proxies.Trusts(p.In)
	for name := range h {
		if foreign(name, fromProxy) {
			delete(h, name)
		}
	}
	onlyWebsocket(h)
	web.WithoutSession(h)
	p.Out.Trailer = nil // some servers make headers of trailers
	if fromProxy {
		h["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	}
	p.SetXForwarded()
	if g.proxies.Secure(p.In) {
		h.Set("X-Forwarded-Proto", "https")
	}
	target := d.Route.API().Target()
	p.Out.URL.Scheme, p.Out.URL.Host, p.Out.URL.Opaque, p.Out.Host = target.Scheme, target.Host, "", ""
	for _, header := range d.Identity() {
		h[header.Name] = header.Values
	}
	h[web.RequestIDHeader] = []string{id}
}

// onlyWebsocket takes off any other upgrade that the client asks for. With h2c an API
// would take further calls through the same connection, which nobody checks.
func onlyWebsocket(h http.Header) {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	h.Del("Http2-Settings")
}

// clean takes out of an API's answer what it must not say in our name.
func clean(res *http.Response, api *verify.API) error {
	for name := range res.Header {
		if strings.HasPrefix(name, verify.HeaderPrefix) {
			delete(res.Header, name)
		}
	}
	if len(res.Header["Set-Cookie"]) > 0 {
		ours := func(line string) bool {
			name, value, _ := strings.Cut(line, "=")
			if name = strings.TrimSpace(name); name == "" { // then browsers send the value alone, which has a name in it
				name, _, _ = strings.Cut(value, "=")
			}
			return web.IsSessionCookie(strings.TrimSpace(name))
		}
		res.Header["Set-Cookie"] = slices.DeleteFunc(res.Header["Set-Cookie"], ours)
	}
	if len(api.Hosts) == 0 {
		// The answer comes from the origin of the console. Should it be a page, its scripts must not act there.
		res.Header["Content-Security-Policy"] = append(res.Header["Content-Security-Policy"], "sandbox")
	}
	return nil
}

// badGateway answers when the API can't be reached, or broke off before it answered.
func (g *Gateway) badGateway(w http.ResponseWriter, r *http.Request, d *verify.Decision, id string, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the client is gone
	}
	g.log.Error("can't reach the API", "api", d.Route.API().Name, "request_id", id, "error", err)
	status := http.StatusBadGateway
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		status = http.StatusGatewayTimeout
	}
	write(w, d.Route.Refusals, web.Problem{Status: status, Detail: "The API can't be reached now.", RequestID: id})
}

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   512,
		DisableCompression:    true, // what the API sends is what the client gets
		ForceAttemptHTTP2:     true,
	}
}

// buffers lends the copies of bodies their memory.
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
