package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// RefusalList selects refused calls in an organization, latest first: those with tokens and connections of one user, and
// of everyone as far as it says so, and those of apps that acted for themselves.
type RefusalList struct {
	OrganizationID keyporter.ID
	UserID         keyporter.ID
	Kinds          []keyporter.TokenKind // with everyone's tokens of these kinds
	Connections    bool                  // with everyone's connections
	Apps           bool                  // of every app of the organization; false: of those that the user is responsible for

	Since    time.Time          // zero: any time
	Match    string             // part of what was called, by whom, and why; empty: any
	Owners   bool               // the login names of those whose credentials they were match, too
	About    []keyporter.Reason // those that match
	Discreet []keyporter.Reason // those whose causes aren't searched: they can tell of roles
}

// Refusals returns a page of a list of refused calls.
func (q queries) Refusals(ctx context.Context, l RefusalList, p Page) ([]keyporter.RefusedCall, error) {
	c := l.condition()
	order, limit := sorting{id: "id", descending: true}.next(&c, p)
	calls, err := list(ctx, q.q, scanRefusal, selectRefusal+` WHERE `+c.text+order+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list refusals: %w", err)
	}
	return inOrder(calls, p), nil
}

// CountListedRefusals counts the refused calls of a list, up to MaxCounted + 1.
func (q queries) CountListedRefusals(ctx context.Context, l RefusalList) (int, error) {
	n, err := q.countParts(ctx, counting{condition: l.condition(), table: "credential_refusals", columns: "id"})
	return n[0], err
}

// A credentialOwner is a table of credentials that belong to users, and the column that says to whom.
type credentialOwner struct{ table, column string }

func credentialOwners() []credentialOwner {
	return []credentialOwner{{"tokens", "owner_id"}, {"deleted_tokens", "owner_id"}, {"connections", "user_id"}, {"ended_credentials", "user_id"}}
}

// condition selects the calls of the list. Whoever sees only their own may have few of many: their credentials are
// looked up, instead of going through all calls of the organization.
func (l *RefusalList) condition() (c condition) {
	organization, user := c.arg(l.OrganizationID), c.arg(l.UserID)
	var owned []string
	for _, o := range credentialOwners() {
		owned = append(owned, "SELECT o.id FROM "+o.table+" o WHERE o."+o.column+" = "+user)
	}
	if l.Apps {
		owned = append(owned, "SELECT a.id FROM apps a WHERE a.organization_id = "+organization, "SELECT e.id FROM ended_credentials e WHERE e.organization_id = "+organization+" AND e.id = e.app_id")
	} else {
		owned = append(owned, "SELECT p.app_id FROM app_people p WHERE p.user_id = "+user)
	}
	own := "credential_id IN (" + strings.Join(owned, " UNION ALL ") + ")"
	visible := []string{own}
	if len(l.Kinds) > 0 {
		kinds := make([]string, len(l.Kinds))
		for i, k := range l.Kinds {
			kinds[i] = string(k)
		}
		marks := c.marks(kinds)
		for _, table := range []string{"tokens", "deleted_tokens"} {
			visible = append(visible, "EXISTS (SELECT 1 FROM "+table+" t WHERE t.id = credential_id AND t.kind IN "+marks+")")
		}
	}
	if l.Connections {
		visible = append(visible, "EXISTS (SELECT 1 FROM connections n WHERE n.id = credential_id)", "EXISTS (SELECT 1 FROM ended_credentials e WHERE e.id = credential_id AND e.id <> e.app_id)")
	}
	if len(visible) == 1 {
		c.text = "organization_id || '' = " + organization + " AND " + own
	} else {
		c.text = "organization_id = " + organization + " AND " + or(visible...)
	}
	if !l.Since.IsZero() {
		c.and("at >= " + c.arg(millis(l.Since)))
	}
	if l.Match != "" {
		c.and(l.matches(&c))
	}
	return c
}

func (l *RefusalList) matches(c *condition) string {
	cause := c.has("cause", l.Match)
	if len(l.Discreet) > 0 {
		cause = "reason NOT IN " + c.marks(reasons(l.Discreet)) + " AND " + cause
	}
	all := []string{c.has("method || ' ' || path || ' ' || version || ' ' || login_name || ' ' || address || ' ' || agent", l.Match), cause}
	if len(l.About) > 0 {
		all = append(all, "reason IN "+c.marks(reasons(l.About)))
	}
	if l.Owners {
		login := c.like("u.login_key", l.Match)
		for _, o := range credentialOwners() {
			all = append(all, "EXISTS (SELECT 1 FROM "+o.table+" o JOIN users u ON u.id = o."+o.column+" WHERE o.id = credential_id AND "+login+")")
		}
	}
	return or(all...)
}

func reasons(all []keyporter.Reason) []string {
	texts := make([]string, len(all))
	for i, r := range all {
		texts[i] = string(r)
	}
	return texts
}

// Has reports whether a call matches what is searched for, or whether its owner's login name does.
func (l *RefusalList) Has(r keyporter.RefusedCall, byOwner bool) bool {
	if r.At.Before(l.Since) {
		return false
	}
	part := strings.ToLower(l.Match)
	return byOwner || slices.Contains(l.About, r.Reason) ||
		strings.Contains(strings.ToLower(strings.Join([]string{r.Method, r.Path, r.Version, r.LoginName, r.Address, r.Agent}, " ")), part) ||
		!slices.Contains(l.Discreet, r.Reason) && strings.Contains(strings.ToLower(r.Cause), part)
}
