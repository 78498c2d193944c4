package verify

import "github.com/keyporter/keyporter"

// Header is a header ready to be put into an http.Header.
type Header struct {
	Name   string   // in canonical form
	Values []string // one value
}

// identityOf makes the identity headers of a principal, once per credential: making them for
// each call would cost more than all rules together. They are in adjacent memory, because a
// call that follows those of ten thousand other tokens finds nothing in the processor's
// caches and pays for each line it reads.
func identityOf(p *keyporter.Principal) []Header {
	var made struct {
		headers [len(keyporter.IdentityHeaders{})]Header
		values  [len(keyporter.IdentityHeaders{})]string
	}
	given := p.Identity()
	text := ""
	for _, h := range given {
		text += h.Value
	}
	n := 0
	for _, h := range given {
		if h.Value != "" {
			made.values[n], text = text[:len(h.Value)], text[len(h.Value):]
			made.headers[n] = Header{Name: h.Name, Values: made.values[n : n+1 : n+1]}
			n++
		}
	}
	return made.headers[:n]
}
