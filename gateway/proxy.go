package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Claims reports whether a call is for one of the APIs and not for the pages on the same listener:
// its host belongs to an API, or its path starts like a route.
func (g *Gateway) Claims(r *http.Request) bool { return g.checker.Claims(r.Host, r.URL.Path) }

// ServeHTTP checks a call and, if it is allowed, forwards it to the API with the identity headers.
// It streams bodies both ways, lets websockets through, and ends the call to the API when the
// client goes away.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := web.NewRequestID()
	w.Header()[keyporter.HeaderRequestID] = []string{id}
	req, _ := g.request(r, id)
	// Check the path exactly as it will be sent to the API.
	req.Method, req.Host, req.Path = r.Method, r.Host, r.URL.EscapedPath()
	d := g.checker.Check(r.Context(), &req)
	if !d.Allowed {
		web.LimitBodyTime(w, r)
		g.refuse(w, &d, id)
		return
	}
	if d.Route.API().Target() == nil {
		web.LimitBodyTime(w, r)
		web.WriteProblem(w, web.Problem{Status: http.StatusNotFound, RequestID: id, Detail: "This API isn't available through Keyporter."})
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { g.rewrite(p, &d, id) },
		ModifyResponse: func(res *http.Response) error {
			web.CleanResponse(w, res.Header, len(d.Route.API().Hosts) == 0)
			g.notices.AddTo(res.Header, &d)
			w.Header()[keyporter.HeaderRequestID] = []string{id} // again, because an early hint clears all headers
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { g.badGateway(w, r, &d, id, err) },
		Transport:    g.transport,
		BufferPool:   &g.buffers,
		ErrorLog:     g.proxyLog,
	}
	proxy.ServeHTTP(w, r)
}

// rewrite turns the call into the request that the API gets.
func (g *Gateway) rewrite(p *httputil.ProxyRequest, d *verify.Decision, id string) {
	web.RewriteRequest(p, g.proxies, d.Route.API().Target(), id)
	for _, header := range d.Identity() {
		p.Out.Header[header.Name] = header.Values
	}
}

// badGateway responds if the API can't be reached, or broke off before it responded.
func (g *Gateway) badGateway(w http.ResponseWriter, r *http.Request, d *verify.Decision, id string, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the client is gone
	}
	g.log.Error("can't reach the API", "api", d.Route.API().Name, "request_id", id, "error", err)
	status := http.StatusBadGateway
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		status = http.StatusGatewayTimeout
	}
	write(w, d.Route.Refusals, web.Problem{Status: status, Detail: "The API can't be reached right now.", RequestID: id})
}
