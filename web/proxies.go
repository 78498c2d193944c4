package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses of the proxies in front of Keyporter. What others send as
// X-Forwarded-… or X-Original-… is not believed: anybody can write these headers. The
// zero value trusts nobody.
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

// Trusts tells whether the request comes straight from one of the proxies.
func (p Proxies) Trusts(r *http.Request) bool {
	a, ok := peer(r)
	return ok && p.contains(a)
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap().WithZone(""), err == nil
}

// ClientAddr returns the address of the client: that of the connection, or, when it is
// a trusted proxy's, the last address in X-Forwarded-For that is not one of theirs.
// Whatever stands before that one the client may have written himself.
func (p Proxies) ClientAddr(r *http.Request) string {
	addr, _ := p.Client(r)
	return addr
}

// Client returns ClientAddr, and Trusts, for the price of one.
func (p Proxies) Client(r *http.Request) (addr string, trusts bool) {
	a, ok := peer(r)
	if !ok {
		return "", false
	}
	text, trusts := addrString(r, a), p.contains(a)
	if trusts {
		text = p.forwardedFor(r.Header["X-Forwarded-For"], text)
	}
	return text, trusts
}

// forwardedFor returns the last address in the chain that is not one of the proxies', or
// the first that is, or last when it can't be told what stands before that.
func (p Proxies) forwardedFor(chain []string, last string) string {
	hops := strings.Join(chain, ",")
	for end := len(hops); end >= 0; {
		start := strings.LastIndexByte(hops[:end], ',') + 1
		hop := strings.TrimSpace(hops[start:end])
		parsed, err := netip.ParseAddr(hop)
		if err != nil {
			break // not from a proxy of ours; keep the last address that was
		}
		a := parsed.Unmap().WithZone("")
		if last = hop; !parsed.Is4() { // of which there is one spelling
			last = a.String()
		}
		if !p.contains(a) {
			break
		}
		end = start - 1
	}
	return last
}

// addrString is a.String(), taken out of RemoteAddr where it stands there word for word.
func addrString(r *http.Request, a netip.Addr) string {
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i > 0 && a.Is4() && r.RemoteAddr[0] != '[' {
		return r.RemoteAddr[:i]
	}
	return a.String()
}

// Secure tells whether the client speaks HTTPS, to us or to a trusted proxy.
func (p Proxies) Secure(r *http.Request) bool {
	return r.TLS != nil || p.Trusts(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
