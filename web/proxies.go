package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses of the trusted proxies in front of Keyporter. X-Forwarded-… and
// X-Original-… headers from anyone else are ignored, because anyone can write them. The zero
// value trusts nobody.
type Proxies struct{ prefixes []netip.Prefix }

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
		p.prefixes = append(p.prefixes, prefix.Masked())
	}
	return p, nil
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
// proxy, the last address in X-Forwarded-For that isn't a trusted proxy. The client may have
// made up everything before that one. It is "" if the connection has no valid address.
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
	text, fromProxy := addrString(r, a), p.contains(a)
	if fromProxy {
		text = p.forwardedFor(r.Header["X-Forwarded-For"], text)
	}
	return text, fromProxy
}

// forwardedFor walks the chain backward to the last address that isn't a proxy's and returns
// it. If all are, it returns the first one. At an entry it can't parse, it stops and returns
// the address after that entry, or last if there is none.
func (p Proxies) forwardedFor(chain []string, last string) string {
	hops := strings.Join(chain, ",")
	for end := len(hops); end >= 0; {
		start := strings.LastIndexByte(hops[:end], ',') + 1
		hop := strings.TrimSpace(hops[start:end])
		parsed, err := netip.ParseAddr(hop)
		if err != nil {
			break // none of our proxies wrote this; keep the address after it
		}
		a := parsed.Unmap().WithZone("")
		if last = hop; !parsed.Is4() { // an IPv4 address has only one spelling
			last = a.String()
		}
		if !p.contains(a) {
			break
		}
		end = start - 1
	}
	return last
}

// addrString returns a.String(). It slices RemoteAddr where it can, which doesn't allocate.
func addrString(r *http.Request, a netip.Addr) string {
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i > 0 && a.Is4() && r.RemoteAddr[0] != '[' {
		return r.RemoteAddr[:i]
	}
	return a.String()
}

// Secure reports whether the client uses HTTPS, to us or to a trusted proxy.
func (p Proxies) Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") && p.trusts(r)
}
