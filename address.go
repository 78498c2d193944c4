package keyporter

import "net/netip"

// Network is the part of an address that one customer of a provider holds: IPv6 is handed
// out in networks of 64 bits, and whoever has one has all the addresses in it.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, _ := a.Prefix(64)
	return p.String()
}
