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

	"golang.org/x/net/http/httpguts"

	"github.com/keyporter/keyporter"
)

// SentPath returns the path of a call as the client sent it, without the query: r.URL has some
// characters escaped that weren't. It is empty if the call has no path.
func SentPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "" || path[0] == '/' {
		return path
	}
	_, rest, _ := strings.Cut(path, "://") // RFC 9112 §3.2.2: the absolute form
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return ""
}

// RewriteRequest turns a checked call into the request that the API gets. The door adds the
// identity headers afterward. httputil.ReverseProxy has already removed hop-by-hop headers,
// including those the client lists in Connection, so no client can get the identity headers
// removed.
func RewriteRequest(p *httputil.ProxyRequest, proxies Proxies, target *url.URL, path, id string) {
	h := p.Out.Header
	fromProxy := proxies.trusts(p.In)
	for name := range h {
		if MustStrip(name, fromProxy) {
			delete(h, name)
		}
	}
	onlyWebsocket(p.In, h)
	removeOwnCookies(h)
	delete(h, "Expect") // it has been answered
	p.Out.Trailer = nil // some servers turn trailers into headers
	if fromProxy {
		h["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	}
	p.SetXForwarded()
	if proxies.secureCall(p.In) {
		h.Set("X-Forwarded-Proto", "https")
	}
	if p.In.Host == "" { // HTTP/1.0
		h.Del("X-Forwarded-Host")
	}
	// Opaque is what goes out as it is, and In has the query as it came: of what Out has, everything
	// is missing that Go can't parse.
	p.Out.URL = &url.URL{Scheme: target.Scheme, Host: target.Host, Opaque: path, RawQuery: p.In.URL.RawQuery, ForceQuery: p.In.URL.ForceQuery}
	p.Out.Host = ""
	h[keyporter.HeaderRequestID] = []string{id}
}

// MustStrip reports whether a header from a client must not reach an API: Keyporter's own;
// those with which some servers let a client override the path or method that was checked, or
// their own settings; and, unless they come from a trusted proxy, those that say where a call came
// from. Servers that turn headers into variables (CGI, WSGI) can't tell Content_Length from Content-Length. So any
// name with something other than letters, digits, and hyphens could be another one, and is stripped.
func MustStrip(name string, fromProxy bool) bool {
	unusual := func(c rune) bool {
		return c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	}
	if keyporter.IsOwnHeader(name) || strings.ContainsFunc(name, unusual) {
		return true
	}
	var buf [32]byte
	plain := string(keyporter.PlainHeader(buf[:0], name))
	return plain == "proxy" || // CGI turns it into HTTP_PROXY, by which libraries pick a proxy
		overrides(plain) || !fromProxy && saysWhereFrom(plain)
}

// overrides reports whether a header, given as keyporter.PlainHeader returns it, overrides the path or method.
func overrides(plain string) bool {
	has := func(part string) bool { return strings.Contains(plain, part) }
	switch {
	case strings.HasPrefix(plain, "xoriginal"), strings.HasPrefix(plain, "xrewrite"), strings.HasPrefix(plain, "xhttpmethod"), plain == "xwawsunencodedurl":
		return true
	}
	return has("override") && (has("method") || has("verb") || has("url") || has("uri") || has("path"))
}

// saysWhereFrom reports whether a header, given as keyporter.PlainHeader returns it, is one in
// which proxies and networks for content delivery say where a call came from.
func saysWhereFrom(plain string) bool {
	switch plain {
	case "xrealip", "xclientip", "xclusterclientip", "xremoteip", "xremoteaddr", "xproxyuserip", "clientip", "remoteaddr", "wlproxyclientip", "proxyclientip",
		"forwardedfor", "trueclientip", "cfconnectingip", "cfconnectingipv6", "cfpseudoipv4", "fastlyclientip", "flyclientip", "doconnectingip", "incapclientip",
		"xsucuriclientip", "xnfclientconnectionip", "xappengineuserip", "xazureclientip", "xazuresocketip", "cloudfrontvieweraddress", "alicdnrealip",
		"cdnrealip", "xoriginatingip", "xvercelforwardedfor", "xappengineremoteaddr", "xcustomipauthorization",
		"frontendhttps", "xscheme", "xurlscheme", "xhost", "xhttphostoverride":
		return true
	}
	return strings.HasPrefix(plain, "xforwarded") || strings.HasPrefix(plain, "xenvoy")
}

// onlyWebsocket strips every other upgrade the client asks for. With h2c, an API would accept
// more calls through the same connection, and nobody would check them.
func onlyWebsocket(in *http.Request, h http.Header) {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") || !in.ProtoAtLeast(1, 1) { // RFC 9110 §7.8: HTTP/1.0 can't
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
		if isOurs(name) {
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
	delete(h, clearSiteData)
	// If the response is a page, its scripts must not act in the console.
	h["Content-Security-Policy"] = append(h["Content-Security-Policy"], "sandbox")
}

// isOurs reports whether a header of a response is one that only Keyporter may set.
func isOurs(name string) bool {
	var buf [len("xkeyporter")]byte
	return string(keyporter.PlainHeader(buf[:0], name)) == "xkeyporter"
}

// cleanTrailer removes from the trailers of an API's response what CleanResponse removes from its
// headers, and what no trailer may be (RFC 9110 §6.5.1): some clients merge the two.
func cleanTrailer(trailer http.Header) {
	for name := range trailer {
		switch {
		case isOurs(name), !httpguts.ValidTrailerHeader(name):
			delete(trailer, name)
		case name == "Set-Cookie", name == clearSiteData, name == strictTransport, name == "Content-Security-Policy":
			delete(trailer, name)
		}
	}
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
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 512,
		DisableCompression:  true, // the client gets exactly what the API sends
		ForceAttemptHTTP2:   true,
	}
}

// buffers is a pool of buffers for copying bodies, a httputil.BufferPool.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer of 32 KiB.
func (p *buffers) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

// Put returns a buffer from Get to the pool.
func (p *buffers) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
