package console

import (
	"maps"
	"net/url"
	"slices"
)

const MaxForm = maxForm

func LocalPath(next string) string { return localPath(next) }

// CallsAsItsOwn reports whether a provider with this issuer may have its address called wherever it is.
func CallsAsItsOwn(issuer, address string) bool {
	client, err := providerClient(issuer)
	u, wrong := url.Parse(address)
	if err != nil || wrong != nil {
		return false
	}
	t, _ := client.Transport.(*providerTransport)
	by, err := t.by(u)
	return err == nil && by == t.own
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
