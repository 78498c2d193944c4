package notify

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// GuardedClient returns a client for addresses that a tenant chose. It follows no redirects,
// and only connects to IP addresses that allowed accepts (in production, Public). It checks the
// address when it connects: if it checked earlier, the name could resolve to another address
// by then (DNS rebinding).
func GuardedClient(allowed func(netip.Addr) bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr().Unmap()) {
			return errors.New("only public addresses are called")
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true, Proxy: nil, // a proxy would connect to an address we can't check
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Public reports whether anyone on the internet can reach an address. Without this check, a
// tenant could make us call what only we can reach: cloud metadata, the database, the router.
func Public(a netip.Addr) bool {
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, special := range specialNetworks() {
		if special.Contains(a) {
			return false
		}
	}
	return true
}

// specialNetworks returns the networks in the IANA special-purpose address registries that
// net/netip doesn't recognize, including those that embed an IPv4 address.
func specialNetworks() (all []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}
