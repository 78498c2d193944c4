// Package gateway is the door through which calls to APIs come: as a reverse proxy, and
// as the check that other proxies ask for (forward-auth).
//
// Both are short adapters around package verify: they say where method, host, path and
// credentials of a call come from, and how its Decision looks on the wire. They decide
// nothing.
package gateway

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Gateway adapts HTTP to checks.
type Gateway struct {
	checker   *verify.Checker
	proxies   web.Proxies
	transport *http.Transport
	log       *slog.Logger
	proxyLog  *log.Logger               // of httputil.ReverseProxy
	notices   []verify.Header           // on answers that an organization token opened
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
		checker: c.Checker, proxies: c.Proxies, transport: newTransport(), notices: deprecation(c.Sunset), resources: resources(c.Checker.APIs(), c.Issuer),
		log: c.Log, proxyLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
}

// deprecation says since when organization tokens are deprecated (RFC 9745) and, when
// that is known, when they end (RFC 8594).
func deprecation(sunset time.Time) []verify.Header {
	headers := []verify.Header{{Name: "Deprecation", Values: []string{fmt.Sprintf("@%d", keyporter.OrganizationTokensDeprecatedAt().Unix())}}}
	if !sunset.IsZero() {
		headers = append(headers, verify.Header{Name: "Sunset", Values: []string{sunset.UTC().Format(http.TimeFormat)}})
	}
	return headers
}

// notify adds to an answer what who still uses an organization token has to know.
func (g *Gateway) notify(h http.Header, d *verify.Decision) {
	if d.Principal == nil || d.Principal.CredentialKind != keyporter.CredentialOrganizationToken {
		return
	}
	for _, n := range g.notices {
		h[n.Name] = n.Values
	}
}

// Close ends the idle connections to upstreams.
func (g *Gateway) Close() { g.transport.CloseIdleConnections() }

// request takes from r what doesn't depend on the adapter, and tells whether it comes from a trusted proxy.
func (g *Gateway) request(r *http.Request, id string) (req verify.Request, fromProxy bool) {
	addr, fromProxy := g.proxies.Client(r)
	return verify.Request{
		APIToken:        r.Header["Apitoken"],
		Authorization:   r.Header["Authorization"],
		OrganizationKey: r.Header["Organizationkey"],
		UserLoginName:   r.Header["Userloginname"],
		DPoP:            r.Header["Dpop"],
		ClientIP:        addr,
		Agent:           r.UserAgent(),
		RequestID:       id,
	}, fromProxy
}

// refusedBody is how long a client may take over the body of a call that is refused. The
// server reads it before it answers, so that the connection can be used again.
const refusedBody = 5 * time.Second

// hurry keeps who isn't let in from holding a connection with a body that never ends.
func hurry(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBody))
	}
}

// foreign tells headers that must not reach an API: those that carry credentials, those
// by which Keyporter says who calls, those by which some servers let a client name
// another path or method than the one that was checked, and, unless they come from a
// trusted proxy, those that say where a call came from. Servers that hand headers on as
// variables make one name of X-Keyporter-User and X_Keyporter_User: only letters and
// digits count.
func foreign(name string, fromProxy bool) bool {
	var buf [32]byte
	plain := buf[:0]
	for i := 0; i < len(name) && len(plain) < len(buf); i++ {
		if c := name[i] | 0x20; c >= 'a' && c <= 'z' || name[i] >= '0' && name[i] <= '9' {
			plain = append(plain, c)
		}
	}
	switch string(plain) {
	case "apitoken", "authorization", "organizationkey", "userloginname", "dpop",
		"xrewriteurl", "xhttpmethod", "xhttpmethodoverride", "xmethodoverride":
		return true
	case "xrealip":
		return !fromProxy || name != "X-Real-Ip"
	}
	if strings.HasPrefix(string(plain), "xforwarded") {
		return !fromProxy || !strings.HasPrefix(name, "X-Forwarded-")
	}
	return strings.HasPrefix(string(plain), "xkeyporter") || strings.HasPrefix(string(plain), "xoriginal")
}
