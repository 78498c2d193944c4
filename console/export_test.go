package console

import (
	"maps"
	"slices"
)

// MaxForm is the size of the largest form in bytes.
const MaxForm = maxForm

// Local is where a sign-in leads to.
func Local(next string) string { return local(next) }

// Routes are the patterns of all pages and forms.
func Routes() []string { return slices.Sorted(maps.Keys((&console{}).routes())) }

// SectionOf is the name of the section that a path belongs to, if it has one of its segments.
func SectionOf(path string) (name string, open, ok bool) {
	for _, s := range append(sections(), openPages()) {
		if slices.Contains(s.segments, firstOf(path)) {
			return s.name, s.name == "", true
		}
	}
	return "", false, false
}
