package web

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// Outgoing makes of a call that was checked the request that the API gets, without the
// identity headers, which the door adds. Hop-by-hop headers, those that the client names
// in Connection among them, were removed before, so that no client can have the identity
// headers removed.
func Outgoing(p *httputil.ProxyRequest, proxies Proxies, target *url.URL, id string) {
	h := p.Out.Header
	fromProxy := proxies.Trusts(p.In)
	for name := range h {
		if Foreign(name, fromProxy) {
			delete(h, name)
		}
	}
	onlyWebsocket(h)
	WithoutSession(h)
	p.Out.Trailer = nil // some servers make headers of trailers
	if fromProxy {
		h["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	}
	p.SetXForwarded()
	if proxies.Secure(p.In) {
		h.Set("X-Forwarded-Proto", "https")
	}
	p.Out.URL.Scheme, p.Out.URL.Host, p.Out.URL.Opaque, p.Out.Host = target.Scheme, target.Host, "", ""
	h[keyporter.HeaderRequestID] = []string{id}
}

// Foreign tells headers that must not reach an API: those of Keyporter's own, those
// by which some servers let a client name another path or method than the one that was
// checked, and, unless they come from a trusted proxy, those that say where a call came
// from. In any spelling, see keyporter.IsOwnHeader. The name is in canonical form.
func Foreign(name string, fromProxy bool) bool {
	if keyporter.IsOwnHeader(name) {
		return true
	}
	var buf [32]byte
	plain := keyporter.PlainHeader(buf[:0], name)
	switch string(plain) {
	case "xrewriteurl", "xhttpmethod", "xhttpmethodoverride", "xmethodoverride":
		return true
	case "xrealip":
		return !fromProxy || name != "X-Real-Ip"
	}
	if strings.HasPrefix(string(plain), "xforwarded") {
		return !fromProxy || !strings.HasPrefix(name, "X-Forwarded-")
	}
	return strings.HasPrefix(string(plain), "xoriginal")
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

// CleanAnswer takes out of an API's answer what it must not say in our name. An API that
// shares its origin with the console gets its answers sandboxed.
func CleanAnswer(h http.Header, sharesOrigin bool) {
	for name := range h {
		if strings.HasPrefix(name, keyporter.OwnHeaderPrefix) {
			delete(h, name)
		}
	}
	if len(h["Set-Cookie"]) > 0 {
		ours := func(line string) bool {
			name, value, _ := strings.Cut(line, "=")
			if name = strings.TrimSpace(name); name == "" { // then browsers send the value alone, which has a name in it
				name, _, _ = strings.Cut(value, "=")
			}
			return IsSessionCookie(strings.TrimSpace(name))
		}
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], ours)
	}
	if sharesOrigin {
		// Should the answer be a page, its scripts must not act at the console.
		h["Content-Security-Policy"] = append(h["Content-Security-Policy"], "sandbox")
	}
}

// refusedBody is how long a client may take over the body of a call that is refused. The
// server reads it before it answers, so that the connection can be used again.
const refusedBody = 5 * time.Second

// Hurry keeps who isn't let in from holding a connection with a body that never ends.
func Hurry(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBody))
	}
}

// NewTransport returns what a door reaches APIs through.
func NewTransport() *http.Transport {
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

// Buffers lends the copies of bodies their memory.
type Buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get lends a buffer.
func (p *Buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

// Put takes back a buffer that Get lent.
func (p *Buffers) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
