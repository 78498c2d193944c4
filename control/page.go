package control

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// MaxPage is how many rows the longest page of a listing has.
const MaxPage = 50

// Paging says which page of a list to return: the first, or the one next to a cursor.
type Paging struct {
	After  string // Cursors.Next of another page
	Before string // Cursors.Previous of another page; After must be empty
}

// Cursors lead from a page of a list to others. They are texts that fit into a URL, and only this package reads them.
type Cursors struct {
	Next     string // empty: it is the last page
	Previous string // empty: it is the first page
}

// Total is how many rows there are, counted up to 10,000. Any higher number stands for more.
type Total int

// Over reports whether there are more than n.Counted.
func (n Total) Over() bool { return n > store.MaxCounted }

// Counted returns the number, at most 10,000.
func (n Total) Counted() int { return min(int(n), store.MaxCounted) }

// maxCursor is how long a cursor can get, in bytes: names have 100 characters, but the keys that they are sorted by
// can be longer.
const maxCursor = 8192

// searched returns what a list is searched for.
func searched(match string) string { return text(strings.TrimSpace(match), keyporter.MaxLoginLen) }

// cursor is what a cursor says.
type cursor struct {
	Order  string       `json:"o"` // of the list
	Text   string       `json:"t,omitempty"`
	Number int64        `json:"n,omitempty"`
	ID     keyporter.ID `json:"i"`
}

func cursorAt(order string, p store.Place) string {
	content, err := json.Marshal(cursor{order, p.Text, p.Number, p.ID})
	if err != nil { // a text that isn't UTF-8 is no error
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(content)
}

// page reads the cursor of a list with this order.
func (p Paging) page(order string) (store.Page, error) {
	page := store.Page{Limit: MaxPage + 1, Backward: p.Before != ""}
	text := p.After + p.Before
	if text == "" {
		return page, nil
	}
	var c cursor
	content, err := base64.RawURLEncoding.DecodeString(text[:min(len(text), maxCursor)])
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil || c.Order != order || c.ID == "" || p.After != "" && p.Before != "" || !plain(c.Text) || !plain(string(c.ID)) {
		return page, keyporter.InvalidField("page", "There is no such page of this list. Go to the first one.")
	}
	page.From = &store.Place{Text: c.Text, Number: c.Number, ID: c.ID}
	return page, nil
}

// plain reports whether both databases take a text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// paged returns the page of a list that was asked for, and where it leads. If what was on it is gone, it is the page at
// that end of the list.
func paged[T any](order string, in Paging, place func(T) store.Place, read func(store.Page) ([]T, error)) ([]T, Cursors, error) {
	p, err := in.page(order)
	if err != nil {
		return nil, Cursors{}, err
	}
	rows, err := read(p)
	if err == nil && len(rows) == 0 && p.From != nil {
		p.From, p.Backward = nil, !p.Backward
		rows, err = read(p)
	}
	if err != nil || len(rows) == 0 {
		return nil, Cursors{}, err
	}
	before, after := p.From != nil, p.From != nil // there are rows before, and after
	switch more := len(rows) > MaxPage; {
	case p.Backward:
		before = more
		rows = rows[len(rows)-min(len(rows), MaxPage):]
	default:
		after = more
		rows = rows[:min(len(rows), MaxPage)]
	}
	var c Cursors
	if before {
		c.Previous = cursorAt(order, place(rows[0]))
	}
	if after {
		c.Next = cursorAt(order, place(rows[len(rows)-1]))
	}
	return slices.Clip(rows), c, nil
}
