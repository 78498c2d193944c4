package web

import (
	"fmt"
	"net"
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
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap().WithZone(""), err == nil
}

// ClientAddr returns the address of the client: that of the connection, or, when it is
// a trusted proxy's, the last address in X-Forwarded-For that is not one of theirs.
// Whatever stands before that one the client may have written himself.
func (p Proxies) ClientAddr(r *http.Request) string {
	a, ok := peer(r)
	if !ok {
		return ""
	}
	chain := r.Header["X-Forwarded-For"]
	if len(chain) == 0 || !p.contains(a) {
		return addrString(r, a)
	}
	hops := strings.Split(strings.Join(chain, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // not from a proxy of ours; keep the last address that was
		}
		if a = hop.Unmap().WithZone(""); !p.contains(a) {
			break
		}
	}
	return a.String()
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
