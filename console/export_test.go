package console

import (
	"maps"
	"net/url"
	"slices"
)

const MaxForm = maxForm

func LocalPath(next string) string { return localPath(next) }

// Reach says where an address in the metadata of a provider with this issuer may be: anywhere, at a
// public address, or nowhere.
func Reach(issuer, address string) string {
	client, err := providerClient(issuer)
	u, wrong := url.Parse(address)
	if err != nil || wrong != nil {
		return "nowhere"
	}
	t, _ := client.Transport.(*providerTransport)
	switch by, err := t.by(u); {
	case err != nil:
		return "nowhere"
	case by == t.own:
		return "anywhere"
	}
	return "public"
}

// Routes returns the patterns of all pages and forms.
func Routes() []string { return slices.Sorted(maps.Keys((&console{}).routes())) }

// SectionOf returns the name of the section that a path belongs to, or open for a page that doesn't
// require a session.
func SectionOf(path string) (name string, open, ok bool) {
	for _, s := range sections() {
		if slices.Contains(s.segments, firstSegment(path)) {
			return s.name, false, true
		}
	}
	open = slices.Contains(openSegments(), firstSegment(path))
	return "", open, open
}

// Count writes a number.
func Count(n int) string { return count(n) }
