package store

import (
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
)

// UserSearch selects users of an organization, in the order of their login names.
type UserSearch struct {
	OrganizationID keyporter.ID
	Match          string // part of the login name; empty: any
	State          keyporter.UserState
}

// ListedUser is a user with what lists are sorted by.
type ListedUser struct {
	keyporter.User
	loginKey string
}

// Place returns where the user is in a list. No two have the same key of their login: it takes the place of the ID.
func (u ListedUser) Place() Place { return Place{ID: keyporter.ID(u.loginKey)} }

// ListUsers returns a page of a list of users.
func (q queries) ListUsers(ctx context.Context, l UserSearch, p Page) ([]ListedUser, error) {
	c := l.condition()
	if l.State != "" {
		c.and(userIs(l.State))
	}
	order, limit := sorting{id: "login_key"}.next(&c, p)
	users, err := list(ctx, q.q, func(row scanner) (u ListedUser, err error) {
		u.User, err = scanUser(alsoScans{row, &u.loginKey})
		return u, err
	}, `SELECT `+userColumns+`, login_key FROM users WHERE `+c.text+order+limit, c.args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return inOrder(users, p), nil
}

// UserCounts says how many users of a list are in which state, each up to MaxCounted + 1.
type UserCounts struct {
	Selected int // in the state that the list selects
	All      int
	Active   int
	Inactive int
}

// CountListedUsers counts the users of a list.
func (q queries) CountListedUsers(ctx context.Context, l UserSearch) (UserCounts, error) {
	c := counting{condition: l.condition(), table: "users", columns: "active", parts: []string{userIs(keyporter.UserActive), userIs(keyporter.UserInactive)}}
	n, err := q.countParts(ctx, c)
	counts := UserCounts{Selected: n[0], All: n[0], Active: n[1], Inactive: n[2]}
	switch l.State {
	case keyporter.UserActive:
		counts.Selected = n[1]
	case keyporter.UserInactive:
		counts.Selected = n[2]
	}
	return counts, err
}

// userIs selects users in a state. SQLite finds a column in an index only if it is compared.
func userIs(state keyporter.UserState) string {
	if state == keyporter.UserActive {
		return "active = TRUE"
	}
	return "active = FALSE"
}

// condition selects the users of the list in any state.
func (l *UserSearch) condition() (c condition) {
	c.text = "organization_id = " + c.arg(l.OrganizationID)
	if l.Match != "" {
		c.and(c.like("login_key", l.Match))
	}
	return c
}
