package keyporter

import "net/netip"

// Network returns the network that one customer of an internet provider controls: the address
// itself for IPv4, its /64 for IPv6. Limits count by it, because anyone who has one address of
// a /64 has all of them. A text that isn't an address is returned as it is.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, _ := a.Prefix(64)
	return p.String()
}
