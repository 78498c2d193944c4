package server

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter/verify"
)

func (c Config) validateAPIs() (faults []error) {
	if err := verify.Validate(c.APIs); err != nil {
		return []error{err}
	}
	for _, a := range c.APIs {
		for _, r := range a.Routes {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
			for _, own := range reserved() {
				if len(a.Hosts) == 0 && (strings.HasPrefix(first, "{") || first == "" || strings.EqualFold(first, own)) {
					faults = append(faults, fmt.Errorf("API %q: path %q would replace Keyporter's own pages; give the API hosts or another first segment", a.Name, r.Path))
					break
				}
			}
		}
		for _, own := range c.ownHosts() {
			same := func(host string) bool { parsed, _ := verify.ParseHost(host); return parsed == own }
			if slices.ContainsFunc(a.Hosts, same) {
				faults = append(faults, fmt.Errorf("API %q: hosts: %s is Keyporter's own, and its pages couldn't be reached there; give the API another host, or leave out hosts", a.Name, own))
			}
		}
	}
	return faults
}

// ownHosts returns the host names of the pages and of the listener.
func (c Config) ownHosts() (all []string) {
	listen, _, _ := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(listen); listen == "" || ip != nil && ip.IsUnspecified() {
		listen = "localhost" // as in Server.URL
	}
	names := []string{listen}
	if u, err := url.Parse(c.Address); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	for _, name := range names {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		if host, err := verify.ParseHost(name); err == nil && !slices.Contains(all, host) {
			all = append(all, host)
		}
	}
	return all
}

// validListen reports whether an address to listen at has a port. Port 0 is any free one.
func validListen(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, numeric := strconv.ParseUint(port, 10, 16)
	return err == nil && numeric == nil && (n > 0 || port == "0")
}
