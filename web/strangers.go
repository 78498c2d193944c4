package web

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// maxStrangers is how many addresses strangers reports. Anyone can send these headers, and must not be able to fill the log.
const maxStrangers = 10

// strangers reports addresses that send what only a proxy should, and aren't trusted: once each, and
// few of them. Otherwise, someone who forgot to list their proxy would look for it for long.
type strangers struct {
	log  *slog.Logger
	full atomic.Bool

	mu       sync.Mutex
	reported []netip.Addr
}

// see looks at a request from an address that isn't trusted.
func (s *strangers) see(a netip.Addr, h http.Header) {
	if s == nil || s.full.Load() {
		return
	}
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Original-Uri", "X-Original-Url", "X-Forwarded-Uri", "X-Forwarded-Host"} {
		if len(h[name]) > 0 {
			s.report(a, name)
			return
		}
	}
}

func (s *strangers) report(a netip.Addr, header string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reported) == maxStrangers || slices.Contains(s.reported, a) {
		return
	}
	s.reported = append(s.reported, a)
	s.full.Store(len(s.reported) == maxStrangers)
	attributes := []any{"peer", a, "header", header}
	if s.full.Load() {
		attributes = append(attributes, "last_report", true)
	}
	s.log.Warn("ignored what a proxy would say about a request, because its address isn't in trusted_proxies; if it is your proxy, add it there", attributes...)
}
