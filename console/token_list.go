package console

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// tokenListing is a list of API tokens.
type tokenListing struct {
	listing

	Kind       keyporter.TokenKind
	List       string // which list it is, as listOf reads it; empty: the reader's own
	Query      string // what the address says of the list
	Owned      bool   // rows name their owners
	Rows       []tokenRow
	Heads      []head
	Sort       string // as in the address
	Order      string // the same
	Unused     int    // days
	Expiring   int    // days
	Rotated    bool
	CanAdd     bool   // the reader can add a token
	HasExample bool   // a new token is shown with its first call
	Obstacle   string // what keeps all of them from working, see control.OrganizationObstacle
}

// head is the head of a column, with the link that sorts by it.
type head struct {
	Name, Class, Path string
	Sorted            string // for aria-sort; empty: by another column
}

// tokenListing returns the page of a list that a request asks for.
func (c *console) tokenListing(r *http.Request, actor keyporter.Actor, l tokenListing, of control.TokenList) (tokenListing, control.TokenPage, error) {
	q := r.URL.Query()
	l.listing, l.Query = l.ask(r, "state", "unused", "expiring", "rotated", "sort", "order"), listQuery(r)
	l.Noun, l.Kind, l.Sort, l.Order = "token", of.Kind, q.Get("sort"), q.Get("order")
	l.Unused, l.Expiring, l.Rotated = days(q, "unused"), days(q, "expiring"), q.Get("rotated") == "never"
	l.Filtered = l.Filtered || l.Unused > 0 || l.Expiring > 0 || l.Rotated
	l.Hint = "Name or end of the secret"
	if l.Owned {
		l.Hint = "Name, owner, or end of the secret"
	}
	l.Filters = []filter{
		{"state", "State", "Any state", l.State, []filterChoice{{"active", "On and working"}, {"blocked", "On, but blocked"}, {"off", "Off"}, {"expired", "Expired"}, {"attention", "Needs attention"}}},
		{"unused", "Unused for", "Any last use", number(l.Unused), withinDays("Unused for")},
		{"expiring", "Expiring within", "Any expiry", number(l.Expiring), withinDays("Expiring in")},
		{"rotated", "Rotated", "Any rotation", l.asked.Get("rotated"), []filterChoice{{"never", "Never rotated"}}},
	}
	of.Match, of.State, of.UnusedDays, of.ExpiringDays, of.NeverRotated = l.Match, keyporter.TokenState(l.State), l.Unused, l.Expiring, l.Rotated
	of.Sort, of.Descending, of.Paging = keyporter.TokenSort(l.Sort), l.Order == "descending", l.paging
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
	l.Obstacle = control.OrganizationObstacle(p.Organization, of.Kind)
	l.show(len(p.Tokens), p.Selected, p.Cursors)
	l.part("All", "", p.All)
	l.part("Active", string(keyporter.TokenActive), p.Active)
	l.part("Needs attention", string(keyporter.TokenNeedsAttention), p.Attention)
	l.part("Off", string(keyporter.TokenOff), p.Off)
	l.Heads = []head{
		l.head(head{Name: "Name"}, "name", false), l.head(head{Name: "Last used", Class: "used"}, "used", true),
		{Name: "7 days", Class: "calls"},
		l.head(head{Name: "Expires", Class: "date"}, "expires", false),
		{Name: "State", Class: "switched"},
	}
	return l, p, nil
}

func withinDays(what string) (all []filterChoice) {
	for _, n := range []int{7, 30, 90} {
		all = append(all, filterChoice{strconv.Itoa(n), what + " " + units(n, "day")})
	}
	return all
}

// number returns a number as a field of a form has it.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// days returns a number of days in a query, or 0.
func days(q url.Values, field string) int {
	n, _ := strconv.Atoi(q.Get(field))
	return n
}

// head completes the head of a column that can be sorted by. The first click sorts downward if that is more useful.
func (l *tokenListing) head(h head, sort string, down bool) head {
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
	h.Path = l.with("sort", sort, "order", order)
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
	l, page, err := c.tokenListing(r, actor, tokenListing{listing: listing{Path: allTokens}, List: "everyone", Owned: true}, control.TokenList{Kind: keyporter.UserToken})
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
