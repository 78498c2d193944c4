package console

import (
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// tokenRow is a token in a list.
type tokenRow struct {
	control.TokenWithUse

	Secret    string               // in plain text, only in the response to what made it
	LastUse   *keyporter.ClientUse // nil: never used
	ActedFor  []actedFor
	Chart     chart
	Expired   bool
	Soon      bool       // expires within soon
	Blocked   bool       // it is on, but something keeps it from working
	Note      *note      // may be nil
	Snippets  []snippet  // with the secret
	FirstCall *firstCall // what came of the first call with a new token; nil: nothing yet
	TryPath   string     // of the example, if this page can call it
	LastDay   time.Time  // last moment that it works; zero: it doesn't expire
	Now       time.Time

	List       string          // which list it is in, see listOf; empty: the reader's own
	Selectable bool            // it can be selected
	Owner      *keyporter.User // only in lists of other users' tokens; without Login if all are the same user's
	Obstacle   string          // what about its owner keeps it from working; empty: nothing, or what the page says once
	ReadOnly   bool
	OnPage     bool // it is shown on its own page, to which its forms lead back
}

func (t tokenRow) OfOrganization() bool { return t.Kind == keyporter.OrganizationToken }

// AsksFirst reports whether the token is switched off only after a question: one that acts for many users, and is in use.
func (t tokenRow) AsksFirst() bool { return t.OfOrganization() && t.Enabled && t.Use.Allowed > 0 }

// OffText says that the token was switched off.
func (t tokenRow) OffText() string {
	text := "“" + t.Name + "” is off."
	if t.LastUse != nil {
		text += " " + clientName(t.LastUse.Agent) + " is refused now."
	}
	return text
}

// Query returns the query that makes links and forms of the row lead back to its list.
func (t tokenRow) Query() string {
	list := t.List
	if list == "" && t.Owner != nil && t.OfOrganization() {
		list = "all"
	}
	return leadBack(list, t.OnPage)
}

// actedFor is a user that an organization token has acted for.
type actedFor struct {
	Login    string
	Versions string // such as "esign v4, esign v5"
	LastAt   time.Time
	Calls    int
}

func rowOf(t control.TokenWithUse, now time.Time) tokenRow {
	row := tokenRow{TokenWithUse: t, Chart: chartOf(t.Use), Now: now, Expired: t.Expired(now), ActedFor: byLogin(t.Use.ActedFor)}
	if last, ok := t.Use.Last(); ok {
		row.LastUse = &last
	}
	if !t.ExpiresAt.IsZero() {
		row.LastDay = t.ExpiresAt.Add(-time.Nanosecond)
		row.Soon = !row.Expired && t.ExpiresAt.Sub(now) < soon
	}
	row.Note = noteOf(row)
	return row
}

// InDays says when the token expires, for one that does so soon, such as "In 3 days".
func (t tokenRow) InDays() string {
	if days := int(t.ExpiresAt.Sub(t.Now) / (24 * time.Hour)); days > 0 {
		return "In " + units(days, "day")
	}
	return "Within 24 hours"
}

// byLogin joins what a token did for one user on several versions, the latest first.
func byLogin(uses []keyporter.UserUse) []actedFor {
	var all []actedFor
	versions := map[string][]string{}
	for _, u := range uses {
		i := slices.IndexFunc(all, func(s actedFor) bool { return s.Login == u.Login })
		if i < 0 {
			i = len(all)
			all = append(all, actedFor{Login: u.Login, LastAt: u.LastAt}) // the user's latest comes first
		}
		all[i].Calls += u.Calls
		versions[u.Login] = append(versions[u.Login], apiVersion(u.Version))
	}
	for i := range all {
		slices.Sort(versions[all[i].Login])
		all[i].Versions = strings.Join(versions[all[i].Login], ", ")
	}
	return all
}
