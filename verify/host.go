package verify

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// ValidPort reports whether the port of an address exists. None is valid, too.
func ValidPort(u *url.URL) bool {
	port := u.Port()
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 || port == "" && !strings.HasSuffix(u.Host, ":")
}

// ParseHost returns a host name in the form in which clients send it: in lower case, and other letters than
// those of ASCII as A-labels (RFC 5890), such as xn--bcher-kva.example for bücher.example.
func ParseHost(name string) (string, error) {
	if address, ok := strings.CutPrefix(name, "["); ok {
		if ip, err := netip.ParseAddr(strings.TrimSuffix(address, "]")); err == nil && ip.Is6() && ip.Zone() == "" && strings.HasSuffix(address, "]") {
			return "[" + ip.String() + "]", nil
		}
	}
	host, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if isASCII(name) && !strings.Contains(strings.ToLower(name), "xn--") {
		host, err = strings.ToLower(strings.TrimSuffix(name, ".")), nil // some networks have names with an underscore
	}
	if err != nil || strings.Contains("."+host+".", "..") || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", fmt.Errorf("%q must be a host name such as api.example.com, without a scheme, port, or wildcard", name)
	}
	return host, nil
}
