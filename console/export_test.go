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
