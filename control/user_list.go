package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// UserSearch selects users of an organization.
type UserSearch struct {
	OrganizationID keyporter.ID
	Match          string              // part of the login name; empty: any
	State          keyporter.UserState // empty: any
	Paging
}

// UserPage is a page of a list of users, by login name.
type UserPage struct {
	Users []keyporter.User
	Cursors

	// How many users match: in the selected state, in any, and in each of these.
	Selected, All, Active, Inactive Total
}

// ListUsers returns a page of up to MaxPage users, and how many there are, to whoever manages users.
func (c *Control) ListUsers(ctx context.Context, actor keyporter.Actor, l UserSearch) (p UserPage, err error) {
	if _, err := may(ctx, c.db, actor, l.OrganizationID, keyporter.PermissionManageUsers); err != nil {
		return p, err
	}
	if !slices.Contains([]keyporter.UserState{"", keyporter.UserActive, keyporter.UserInactive}, l.State) {
		return p, keyporter.InvalidField("state", "Users have no such state.")
	}
	find := store.UserSearch{OrganizationID: l.OrganizationID, Match: searched(l.Match), State: l.State}
	users, cursors, err := paged("users", l.Paging, store.ListedUser.Place, func(page store.Page) ([]store.ListedUser, error) {
		return c.db.ListUsers(ctx, find, page)
	})
	if err != nil {
		return p, err
	}
	n, err := c.db.CountListedUsers(ctx, find)
	p.Cursors, p.Selected, p.All, p.Active, p.Inactive = cursors, Total(n.Selected), Total(n.All), Total(n.Active), Total(n.Inactive)
	for _, u := range users {
		p.Users = append(p.Users, u.User)
	}
	return p, err
}
