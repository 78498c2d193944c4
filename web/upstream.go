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

// RewriteRequest turns a checked call into the request that the API gets. The door adds the
// identity headers afterward. httputil.ReverseProxy has already removed hop-by-hop headers,
// including those the client lists in Connection, so no client can get the identity headers
// removed.
func RewriteRequest(p *httputil.ProxyRequest, proxies Proxies, target *url.URL, id string) {
	h := p.Out.Header
	fromProxy := proxies.trusts(p.In)
	for name := range h {
		if MustStrip(name, fromProxy) {
			delete(h, name)
		}
	}
	onlyWebsocket(h)
	removeOwnCookies(h)
	p.Out.Trailer = nil // some servers turn trailers into headers
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

// MustStrip reports whether a header from a client must not reach an API: Keyporter's own;
// those with which some servers let a client override the path or method that was checked;
// and, unless they come from a trusted proxy, those that say where a call came from. It
// catches all spellings, see keyporter.IsOwnHeader. The name must be in canonical form.
func MustStrip(name string, fromProxy bool) bool {
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

// onlyWebsocket strips every other upgrade the client asks for. With h2c, an API would accept
// more calls through the same connection, and nobody would check them.
func onlyWebsocket(h http.Header) {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	h.Del("Http2-Settings")
}

// CleanResponse removes from an API's response, which w is about to get with the headers h, the
// headers and cookies only Keyporter may set. If the API shares its origin with the console, it
// also sandboxes the response, and Keyporter says whether the host requires HTTPS; otherwise the
// API does.
func CleanResponse(w http.ResponseWriter, h http.Header, sharesOrigin bool) {
	for name := range h {
		if strings.HasPrefix(name, keyporter.OwnHeaderPrefix) {
			delete(h, name)
		}
	}
	if len(h["Set-Cookie"]) > 0 {
		ours := func(line string) bool {
			name, value, _ := strings.Cut(line, "=")
			if name = strings.TrimSpace(name); name == "" { // browsers then send only the value, which may itself look like name=value
				name, _, _ = strings.Cut(value, "=")
			}
			return isOwnCookie(strings.TrimSpace(name))
		}
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], ours)
	}
	if !sharesOrigin {
		delete(w.Header(), strictTransport)
		return
	}
	delete(h, strictTransport)
	// If the response is a page, its scripts must not act in the console.
	h["Content-Security-Policy"] = append(h["Content-Security-Policy"], "sandbox")
}

// refusedBodyTimeout is how long a client may take to send the body of a refused call. The
// server reads it before it responds, so that the connection can be reused.
const refusedBodyTimeout = 5 * time.Second

// LimitBodyTime keeps a refused client from holding a connection open with a body that never
// ends.
func LimitBodyTime(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBodyTimeout))
	}
}

// NewTransport returns the transport through which a door reaches APIs.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   512,
		DisableCompression:    true, // the client gets exactly what the API sends
		ForceAttemptHTTP2:     true,
	}
}

// Buffers is a pool of buffers for copying bodies, a httputil.BufferPool.
type Buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer of 32 KiB.
func (p *Buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

// Put returns a buffer from Get to the pool.
func (p *Buffers) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
