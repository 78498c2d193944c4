package web

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"
)

// origin is what the trusted proxies say about where a request came from. Each part can be empty.
type origin struct {
	addr  string // of the client
	proto string // http or https, that the client used
	host  string // that the client named
	rival string // the host in Forwarded, beside X-Forwarded-…
}

// origin reads X-Forwarded-For, -Proto, and -Host, or else Forwarded (RFC 7239). Each proxy appends to these
// lists, so they are read from the end, and only as far as trusted proxies wrote them. last is the
// address of the proxy that the request comes from.
//
// A proxy that writes one kind of header often passes on what the client sent in the other. Where both say
// something and disagree, neither is believed: the address is then the last proxy's, and the scheme unknown. About
// hosts, see WithHost.
func (p Proxies) origin(h http.Header, last string) origin {
	forwarded := h["Forwarded"]
	chain, protos, hosts := h["X-Forwarded-For"], h["X-Forwarded-Proto"], h["X-Forwarded-Host"]
	if len(forwarded) > 0 && len(chain) == 0 && len(protos) == 0 && len(hosts) == 0 {
		o := p.standard(forwarded, last)
		o.addr = cmp.Or(o.addr, last)
		return o
	}
	addr, hops := p.forwardedFor(chain, last)
	o := origin{addr: addr, proto: entry(protos, hops), host: entry(hosts, hops)}
	if len(forwarded) == 0 {
		return o
	}
	other := p.standard(forwarded, last)
	if other.addr != "" && other.addr != o.addr {
		o.addr = last
	}
	if other.proto != "" && !strings.EqualFold(other.proto, o.proto) {
		o.proto = ""
	}
	o.rival = other.host
	return o
}

// forwardedFor walks X-Forwarded-For backward to the last address that isn't a proxy's and returns it,
// and how many entries come after it. If all are proxies', it returns the first one. At an entry that isn't an
// address, it stops and returns the address after that entry, or last if there is none.
func (p Proxies) forwardedFor(chain []string, last string) (addr string, hops int) {
	hops, addr = -1, last
	for list := (backward{rest: strings.Join(chain, ",")}); list.next(); {
		a, ok := parseNode(list.item)
		if !ok {
			break // none of our proxies wrote this, or it doesn't want to say
		}
		hops++
		addr = nodeString(list.item, a)
		if !p.contains(a) {
			break
		}
	}
	return addr, max(hops, 0)
}

// entry returns the entry of a list that belongs to the client's entry in X-Forwarded-For: that many before
// the last, or the first if a proxy didn't append its own.
func entry(values []string, hops int) (item string) {
	list := backward{rest: strings.Join(values, ",")}
	for ; hops >= 0 && list.next(); hops-- {
		item = list.item
	}
	return item
}

// standard reads Forwarded. Each of its elements has the address, scheme, and host of one step. The
// address is "" if none is named, and last if it is one that can't be read.
func (p Proxies) standard(values []string, last string) (o origin) {
	for list := (backward{rest: strings.Join(values, ","), quotes: true}); list.next(); {
		node, step, ok := parseElement(list.item)
		if !ok {
			break
		}
		o.proto, o.host = step.proto, step.host
		a, ok := parseNode(node)
		if !ok && node != "" {
			o.addr = cmp.Or(o.addr, last)
		}
		if !ok {
			break
		}
		if o.addr = nodeString(node, a); !p.contains(a) {
			break
		}
	}
	return o
}

// backward goes through a list, separated by commas, from its end. It leaves out empty items.
type backward struct {
	rest   string
	quotes bool // commas in quoted strings don't separate
	item   string
}

func (b *backward) next() bool {
	for b.rest != "" {
		start := strings.LastIndexByte(b.rest, ',')
		if b.quotes {
			start = lastComma(b.rest)
		}
		b.item = strings.Trim(b.rest[start+1:], " \t")
		b.rest = b.rest[:max(start, 0)]
		if b.item != "" {
			return true
		}
	}
	return false
}

// lastComma returns the index of the last comma that isn't in a quoted string, or -1. It looks from the
// end, so that a quote that the client left open can't swallow what the proxies appended.
func lastComma(s string) int {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return -1
}

// parseElement reads an element of Forwarded: for=192.0.2.60;proto=http;host="example.com:8080". It returns
// the address in for as it is written, without quotes.
func parseElement(element string) (node string, step origin, ok bool) {
	var seen [3]bool
	for pair := range strings.SplitSeq(element, ";") {
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !ok {
			return "", origin{}, false
		}
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if strings.ContainsAny(value, `"\`) || value == "" { // nothing that means anything here needs an escape
			return "", origin{}, false
		}
		var field int
		switch strings.ToLower(name) {
		case "for":
			field, node = 0, value
		case "proto":
			field, step.proto = 1, value
		case "host":
			field, step.host = 2, value
		default:
			continue
		}
		if seen[field] {
			return "", origin{}, false // RFC 7239 §4: at most once
		}
		seen[field] = true
	}
	return node, step, true
}

// parseNode reads an address in any form that proxies write: 203.0.113.7, 203.0.113.7:51234, 2001:db8::1,
// [2001:db8::1], "[2001:db8::1]:443", with or without a zone. unknown and _hidden aren't addresses.
func parseNode(s string) (netip.Addr, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	var port string
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if s, port, ok = strings.Cut(inner, "]"); !ok || port != "" && port[0] != ':' {
			return netip.Addr{}, false
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.IndexByte(s, ':'); i > 0 && strings.IndexByte(s[i+1:], ':') < 0 {
		s, port = s[:i], s[i+1:]
	}
	if len(port) > 0 && port[0] != '_' && (len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}

// nodeString returns a.String(), without an allocation if the text is just that.
func nodeString(text string, a netip.Addr) string {
	if a.Is4() && strings.Trim(text, "0123456789.") == "" { // an IPv4 address has only one spelling
		return text
	}
	return a.String()
}
