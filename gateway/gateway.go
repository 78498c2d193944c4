// Package gateway is the door for calls to APIs: as a reverse proxy, and as the check that other
// proxies ask for (forward-auth).
//
// Both are thin adapters around package verify. They know where a call's method, host, path and
// credentials come from, and what its Decision looks like on the wire. They decide nothing.
package gateway

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Gateway adapts HTTP to checks. It is safe for concurrent use.
type Gateway struct {
	checker   *verify.Checker
	proxies   web.Proxies
	forwarder *web.Forwarder
	log       *slog.Logger
	notices   verify.Notices
	resources map[*verify.API]*resource // only for APIs that have a resource identifier
}

// Config is what a Gateway needs.
type Config struct {
	Checker *verify.Checker
	Proxies web.Proxies // trusted to say where a call came from
	Sunset  time.Time   // when organization tokens may stop working, announced in responses; zero: not set
	Issuer  string      // of the authorization server whose access tokens the APIs accept
	Log     *slog.Logger
}

// New returns a Gateway.
func New(c Config) *Gateway {
	return &Gateway{
		checker: c.Checker, proxies: c.Proxies, forwarder: web.NewForwarder(c.Proxies, c.Log), notices: verify.NewNotices(c.Sunset), resources: resources(c.Checker.APIs(), c.Issuer),
		log: c.Log,
	}
}

// Close closes the idle connections to upstreams.
func (g *Gateway) Close() { g.forwarder.Close() }

// request fills in what all adapters take from r in the same way, and reports whether r comes from
// a trusted proxy.
func (g *Gateway) request(r *http.Request, id string) (req verify.Request, fromProxy bool) {
	addr, fromProxy := g.proxies.Client(r)
	req = verify.Request{ClientIP: addr, Agent: r.UserAgent(), RequestID: id}
	req.SetHeaders(r.Header)
	return req, fromProxy
}
