package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// tokenListing is a list of API tokens that can be searched, filtered, sorted, and paged. All of that is in the address.
type tokenListing struct {
	Kind     keyporter.TokenKind
	Path     string
	List     string // which list it is, as listOf reads it; empty: the reader's own
	Owned    bool   // rows name their owners
	Rows     []tokenRow
	Tabs     []tab
	Heads    []head
	Sort     string // as in the address
	Order    string // the same
	Match    string
	State    string
	Unused   int // days
	Expiring int // days
	Rotated  bool
	Filtered bool
	CanAdd   bool   // the reader can add a token
	Obstacle string // what keeps all of them from working, see control.OrganizationObstacle
	Total    control.Total
	Previous string // empty: this is the first page
	Next     string // empty: this is the last page
}

// tab is a link to a part of a list.
type tab struct {
	Name    string
	Path    string
	Count   control.Total
	Current bool
}

// head is the head of a column, with the link that sorts by it.
type head struct {
	Name, Class, Path string
	Sorted            string // for aria-sort; empty: by another column
}

// listing returns the page of a list that a request asks for.
func (c *console) listing(r *http.Request, actor keyporter.Actor, l tokenListing, of control.TokenList) (tokenListing, control.TokenPage, error) {
	q := r.URL.Query()
	l.Kind, l.Match, l.State, l.Sort, l.Order = of.Kind, q.Get("q"), q.Get("state"), q.Get("sort"), q.Get("order")
	l.Unused, l.Expiring, l.Rotated = days(q, "unused"), days(q, "expiring"), q.Get("rotated") == "never"
	l.Filtered = l.Match != "" || l.State != "" || l.Unused > 0 || l.Expiring > 0 || l.Rotated
	of.Match, of.State, of.UnusedDays, of.ExpiringDays, of.NeverRotated = l.Match, keyporter.TokenState(l.State), l.Unused, l.Expiring, l.Rotated
	of.Sort, of.Descending = keyporter.TokenSort(l.Sort), l.Order == "descending"
	of.After, of.Before = q.Get("after"), q.Get("before")
	p, err := c.Control.ListTokens(r.Context(), actor, of)
	if err != nil {
		return l, p, err
	}
	for _, t := range p.Tokens {
		row := rowOf(t.TokenWithUse, c.Now())
		row.List, row.Selectable, row.Blocked = l.List, true, t.State == keyporter.TokenBlocked
		if l.Owned {
			row.Owner = &t.Owner
		}
		if l.List != "" { // the reader's own page says it once
			row.Obstacle = t.Obstacle
			row.Note = noteOf(row)
		}
		l.Rows = append(l.Rows, row)
	}
	l.Total, l.Obstacle = p.Selected, control.OrganizationObstacle(p.Organization, of.Kind)
	l.Previous, l.Next = l.page(q, "before", p.Previous), l.page(q, "after", p.Next)
	l.Tabs = []tab{l.tab(q, "All", "", p.All), l.tab(q, "Active", "active", p.Active), l.tab(q, "Needs attention", "attention", p.Attention), l.tab(q, "Off", "off", p.Off)}
	l.Heads = []head{
		l.head(q, head{Name: "Name"}, "name", false), l.head(q, head{Name: "Last used", Class: "used"}, "used", true),
		{Name: "7 days", Class: "calls"},
		l.head(q, head{Name: "Expires", Class: "date"}, "expires", false),
		{Name: "State", Class: "switched"},
	}
	return l, p, nil
}

// days returns a number of days in a query, or 0.
func days(q url.Values, field string) int {
	n, _ := strconv.Atoi(q.Get(field))
	return n
}

// with returns the address of the list with some of its query changed, on its first page. Empty values are left out.
func (l *tokenListing) with(q url.Values, fields ...string) string {
	changed := url.Values{}
	for _, field := range []string{"q", "state", "unused", "expiring", "rotated", "sort", "order"} {
		if v := q.Get(field); v != "" {
			changed.Set(field, v)
		}
	}
	for pair := range slices.Chunk(fields, 2) {
		if changed.Set(pair[0], pair[1]); pair[1] == "" {
			changed.Del(pair[0])
		}
	}
	if len(changed) == 0 {
		return l.Path
	}
	return l.Path + "?" + changed.Encode()
}

func (l *tokenListing) page(q url.Values, field, cursor string) string {
	if cursor == "" {
		return ""
	}
	return l.with(q, field, cursor)
}

func (l *tokenListing) tab(q url.Values, name, state string, count control.Total) tab {
	return tab{Name: name, Path: l.with(q, "state", state), Count: count, Current: l.State == state}
}

// head completes the head of a column that can be sorted by. The first click sorts downward if that is more useful.
func (l *tokenListing) head(q url.Values, h head, sort string, down bool) head {
	order := ""
	switch {
	case l.Sort != sort:
		if down {
			order = "descending"
		}
	case l.Order == "descending":
		h.Sorted = "descending"
	default:
		h.Sorted, order = "ascending", "descending"
	}
	h.Path = l.with(q, "sort", sort, "order", order)
	return h
}

// allTokens is the path of the list of an organization's user tokens.
const allTokens = "/all-tokens"

// allTokensPage is the content of that list.
type allTokensPage struct {
	Organization string
	List         tokenListing
}

func (c *console) listAllTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	l, page, err := c.listing(r, actor, tokenListing{Path: allTokens, List: "everyone", Owned: true}, control.TokenList{Kind: keyporter.UserToken})
	if err != nil {
		return err
	}
	p := allTokensPage{Organization: page.Organization.Name, List: l}
	layout, err := c.layoutFor(r, actor, "All tokens", p)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, "all-tokens", layout)
}
