package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Powers are what an actor may generally see and do: they decide which pages the actor gets.
type Powers struct {
	ManageUsers              bool // of their organization
	ManageRoles              bool
	ManageOrganizationTokens bool // added by others
	ManageTokens             bool // of other users, and their connections
	ManageOrganization       bool // its settings
	RegisterApps             bool
	SeeApps                  bool // there are apps that they may see, or could register
	SeeRefusals              bool // refused calls of others
	Operate                  bool // the instance
}

// Powers returns what the actor may manage.
func (c *Control) Powers(ctx context.Context, actor keyporter.Actor) (Powers, error) {
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	p := Powers{
		ManageUsers: a.holds(keyporter.PermissionManageUsers), ManageRoles: a.holds(keyporter.PermissionManageRoles),
		ManageOrganizationTokens: a.holds(keyporter.PermissionManageOrganizationTokens), ManageTokens: a.holds(keyporter.PermissionManageTokens),
		ManageOrganization: a.holds(keyporter.PermissionManageOrganization),
		RegisterApps:       a.holds(keyporter.PermissionRegisterApps) || a.operates, Operate: a.operates,
	}
	p.SeeApps, p.SeeRefusals = a.seesApps(), a.seesRefusals()
	if err == nil && !p.SeeApps {
		mine, err := c.db.Apps(ctx, store.AppList{PersonID: responsible(a, actor)}, store.Page{Limit: 1})
		p.SeeApps = len(mine) > 0
		return p, err
	}
	return p, err
}

// CanGive returns the permissions that the actor can grant with a role of their
// organization.
func (c *Control) CanGive(ctx context.Context, actor keyporter.Actor) ([]keyporter.Permission, error) {
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	all := allPermissions()
	return without(all, a.cannotGive(all)), err
}
