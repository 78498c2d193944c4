package web

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses of the trusted proxies in front of Keyporter. X-Forwarded-…, Forwarded, and
// X-Original-… headers from anyone else are ignored, because anyone can write them. The zero
// value trusts nobody.
type Proxies struct {
	prefixes  []netip.Prefix
	strangers *strangers // nil: nothing is reported

	// HTTPS says that people reach Keyporter by HTTPS, whatever the proxies say.
	HTTPS bool
}

// ParseProxies reads addresses and networks, such as 127.0.0.1 and 10.0.0.0/8.
func ParseProxies(addresses []string) (Proxies, error) {
	var p Proxies
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil {
			p.prefixes = append(p.prefixes, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(a)
		if err != nil {
			return Proxies{}, fmt.Errorf("%q is neither an address nor a network", a)
		}
		if prefix.Bits() == 0 {
			return Proxies{}, fmt.Errorf("%q is everyone, and then anyone could claim any address; name the proxies' own", a)
		}
		p.prefixes = append(p.prefixes, prefix.Masked())
	}
	return p, nil
}

// Report returns proxies that log who poses as a proxy and isn't trusted: in all doors together, once for each of the
// first few addresses.
func (p Proxies) Report(log *slog.Logger) Proxies {
	p.strangers = &strangers{log: log}
	return p
}

func (p Proxies) contains(a netip.Addr) bool {
	for _, prefix := range p.prefixes {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// trusts reports whether the request comes directly from one of the proxies.
func (p Proxies) trusts(r *http.Request) bool {
	a, ok := peer(r)
	return ok && p.contains(a)
}

// peer returns the address at the other end of the connection.
func peer(r *http.Request) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap().WithZone(""), err == nil
}

// ClientAddr returns the client's address: that of the connection or, if that is a trusted
// proxy, the last one in X-Forwarded-For or Forwarded that isn't a trusted proxy. The client may have
// made up everything before that one. If the two headers disagree, it is the proxy's. It is "" if the connection
// has no valid address.
func (p Proxies) ClientAddr(r *http.Request) string {
	addr, _ := p.Client(r)
	return addr
}

// Client returns ClientAddr, and whether the request comes directly from one of the proxies, at
// the cost of one.
func (p Proxies) Client(r *http.Request) (addr string, fromProxy bool) {
	a, ok := peer(r)
	if !ok {
		return "", false
	}
	if addr, fromProxy = addrString(r, a), p.contains(a); fromProxy {
		addr = p.origin(r.Header, addr).addr
	} else {
		p.strangers.see(a, r.Header)
	}
	return addr, fromProxy
}

// WithHost returns the request with the host name that the client used, if a trusted proxy says that it
// was another one. It returns false if that can't be known, because X-Forwarded-Host and Forwarded disagree, or name
// no host. Such a request must be refused: whoever can take back what the proxy says would otherwise choose the door.
func (p Proxies) WithHost(r *http.Request) (*http.Request, bool) {
	if len(r.Header["X-Forwarded-Host"]) == 0 && len(r.Header["Forwarded"]) == 0 {
		return r, true
	}
	if a, ok := peer(r); !ok || !p.contains(a) {
		p.strangers.see(a, r.Header)
		return r, true
	}
	o := p.origin(r.Header, "")
	host := cmp.Or(o.host, r.Host)
	if o.rival != "" && !strings.EqualFold(o.rival, host) || strings.ContainsFunc(o.host, notInHosts) {
		return nil, false
	}
	if host == r.Host {
		return r, true
	}
	other := *r
	other.Host = host
	return &other, true
}

// notInHosts reports whether a character can't be in a host name and its port.
func notInHosts(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_:[]", c))
}

// addrString returns a.String(). It slices RemoteAddr where it can, which doesn't allocate.
func addrString(r *http.Request, a netip.Addr) string {
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i > 0 && a.Is4() && r.RemoteAddr[0] != '[' {
		return r.RemoteAddr[:i]
	}
	return a.String()
}

// Secure reports whether the client uses HTTPS: to us, to a trusted proxy, or because everybody does.
func (p Proxies) Secure(r *http.Request) bool { return p.HTTPS || p.secureCall(r) }

// secureCall is Secure for calls to APIs, which may come another way than people.
func (p Proxies) secureCall(r *http.Request) bool {
	return r.TLS != nil || p.trusts(r) && strings.EqualFold(p.origin(r.Header, "").proto, "https")
}
