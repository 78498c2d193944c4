package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Profile is a user and what follows from their roles.
type Profile struct {
	keyporter.User
	Organization      keyporter.Organization
	Roles             []keyporter.Role
	Permissions       []Permission // all there are
	WhyNot            string       // why the actor may not change this user, in a sentence; empty: they may
	CanChangeOperator bool         // the actor may make this user an operator, or remove them as one
}

// Permission is what the roles of a user say about a permission.
type Permission struct {
	keyporter.PermissionInfo
	keyporter.Resolution
}

// Profile returns a user to whoever manages users.
func (c *Control) Profile(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (Profile, error) {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return Profile{}, missing(err, "user")
	}
	a, err := may(ctx, c.db, actor, u.OrganizationID, keyporter.PermissionManageUsers)
	if err != nil {
		return Profile{}, missing(err, "user")
	}
	p := Profile{User: u, CanChangeOperator: a.operates}
	if p.Organization, err = c.db.OrganizationByID(ctx, u.OrganizationID); err != nil {
		return p, err
	}
	if p.Roles, err = c.db.RolesByID(ctx, u.RoleIDs); err != nil {
		return p, err
	}
	for _, info := range keyporter.Permissions() {
		p.Permissions = append(p.Permissions, Permission{info, keyporter.Resolve(p.Roles, info.Permission)})
	}
	p.WhyNot = keyporter.MessageOf(a.mayChange(u, p.Roles))
	return p, nil
}

// UserList selects users of the instance.
type UserList struct {
	OrganizationID keyporter.ID // empty: of all
	Match          string       // part of the login name; empty: all
	After          keyporter.ID // the last user of the previous page; empty: from the first
}

// UserByLogin returns a user of the instance.
func (c *Control) UserByLogin(ctx context.Context, actor keyporter.Actor, login string) (keyporter.User, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return keyporter.User{}, err
	}
	u, err := c.db.UserByLogin(ctx, login)
	return u, missing(err, "user")
}

// Users returns users of the instance by login name, a page of up to MaxPage.
func (c *Control) Users(ctx context.Context, actor keyporter.Actor, l UserList) ([]keyporter.User, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return nil, err
	}
	return c.db.UsersOf(ctx, store.UserList{OrganizationID: l.OrganizationID, Match: searched(l.Match), After: l.After, Limit: MaxPage})
}
