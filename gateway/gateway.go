// Package gateway is the door through which calls to APIs come: as a reverse proxy, and
// as the check that other proxies ask for (forward-auth).
//
// Both are short adapters around package verify: they say where method, host, path and
// credentials of a call come from, and how its Decision looks on the wire. They decide
// nothing.
package gateway

import (
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Gateway adapts HTTP to checks.
type Gateway struct {
	checker   *verify.Checker
	proxies   web.Proxies
	transport *http.Transport
	log       *slog.Logger
	buffers   web.Buffers
	proxyLog  *log.Logger // of httputil.ReverseProxy
	notices   verify.Notices
	resources map[*verify.API]*resource // of the APIs that have one
}

// Config is what a Gateway needs.
type Config struct {
	Checker *verify.Checker
	Proxies web.Proxies // that are believed what they say about the client
	Sunset  time.Time   // after it, if set, organization tokens may end; answers say so
	Issuer  string      // of the authorization server whose access tokens the APIs take
	Log     *slog.Logger
}

// New returns a Gateway.
func New(c Config) *Gateway {
	return &Gateway{
		checker: c.Checker, proxies: c.Proxies, transport: web.NewTransport(), notices: verify.NewNotices(c.Sunset), resources: resources(c.Checker.APIs(), c.Issuer),
		log: c.Log, proxyLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
}

// Close ends the idle connections to upstreams.
func (g *Gateway) Close() { g.transport.CloseIdleConnections() }

// request takes from r what doesn't depend on the adapter, and tells whether it comes from a trusted proxy.
func (g *Gateway) request(r *http.Request, id string) (req verify.Request, fromProxy bool) {
	addr, fromProxy := g.proxies.Client(r)
	req = verify.Request{ClientIP: addr, Agent: r.UserAgent(), RequestID: id}
	req.SetHeaders(r.Header)
	return req, fromProxy
}
