package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/keyporter/keyporter/control"
)

// listing is a page of a list that can be searched, filtered, and paged. All of that is in the address.
type listing struct {
	Noun     string // what is in it, such as "token"
	Path     string // of the list
	Hint     string // what the search looks at
	Match    string // what is searched for, as typed
	State    string // that is selected; empty: any
	Filtered bool   // rows can be missing
	Tabs     []tab
	Filters  []filter
	Shown    int // rows on this page
	Total    control.Total
	Previous string // empty: this is the first page
	Next     string // empty: this is the last page

	of     url.Values // what tells the list from others at the same path
	asked  url.Values // what else the address says, except for the page
	paging control.Paging
}

// tab is a link to a part of a list.
type tab struct {
	Name    string
	Path    string
	Count   control.Total
	Current bool
}

// filter is a choice that narrows a list.
type filter struct {
	Field, Label, Any string // Any is the choice of everything
	Chosen            string // empty: everything
	Choices           []filterChoice
}

type filterChoice struct{ Value, Text string }

// ask returns l as a request asks for it. fields are those of its address that this list has, besides q.
func (l listing) ask(r *http.Request, fields ...string) listing {
	q := r.URL.Query()
	l.asked = url.Values{}
	for _, field := range append(fields, "q") {
		if v := q.Get(field); v != "" {
			l.asked.Set(field, v)
		}
	}
	l.Match, l.State = q.Get("q"), l.asked.Get("state")
	l.Filtered = l.Match != "" || l.State != ""
	l.paging = control.Paging{After: q.Get("after"), Before: q.Get("before")}
	return l
}

// show says which page it is.
func (l *listing) show(rows int, total control.Total, c control.Cursors) {
	l.Shown, l.Total = rows, total
	if c.Previous != "" {
		l.Previous = l.with("before", c.Previous)
	}
	if c.Next != "" {
		l.Next = l.with("after", c.Next)
	}
}

// part adds a tab for the rows in a state; empty: for all.
func (l *listing) part(name, state string, count control.Total) {
	l.Tabs = append(l.Tabs, tab{Name: name, Path: l.with("state", state), Count: count, Current: l.State == state})
}

// with returns the address of the list with some of what it asks for changed, on its first page. Empty values are left
// out.
func (l listing) with(fields ...string) string {
	q := url.Values{}
	for _, values := range []url.Values{l.of, l.asked} {
		for field := range values {
			q.Set(field, values.Get(field))
		}
	}
	for pair := range slices.Chunk(fields, 2) {
		if q.Set(pair[0], pair[1]); pair[1] == "" {
			q.Del(pair[0])
		}
	}
	if len(q) == 0 {
		return l.Path
	}
	return l.Path + "?" + q.Encode()
}

// Whole returns the address of the whole list.
func (l listing) Whole() string {
	if len(l.of) == 0 {
		return l.Path
	}
	return l.Path + "?" + l.of.Encode()
}

// Kept returns what a new search leaves as it is.
func (l listing) Kept() map[string]string {
	kept := map[string]string{}
	for _, values := range []url.Values{l.of, l.asked} {
		for field := range values {
			if field != "q" && !slices.ContainsFunc(l.Filters, func(f filter) bool { return f.Field == field }) {
				kept[field] = values.Get(field)
			}
		}
	}
	return kept
}
