package console

import (
	"maps"
	"slices"
)

// Local is where a sign-in leads to.
// MaxForm is the size of the largest form in bytes.
const MaxForm = maxForm

func Local(next string) string { return local(next) }

// Routes are the patterns of all pages and forms.
func Routes() []string { return slices.Sorted(maps.Keys((&console{}).routes())) }
