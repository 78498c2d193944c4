package keyporter

import "slices"

// Permission is something a role can grant or block. These are all of them: nobody can add one.
type Permission string

// The permissions.
const (
	PermissionUseAPI                   Permission = "api.use"
	PermissionConnectApps              Permission = "apps.connect"
	PermissionRegisterApps             Permission = "apps.register"
	PermissionManageTokens             Permission = "tokens.manage"
	PermissionManageOrganizationTokens Permission = "organization_tokens.manage"
	PermissionManageUsers              Permission = "users.manage"
	PermissionManageRoles              Permission = "roles.manage"
	PermissionReadEvents               Permission = "events.read"
	PermissionManageOrganization       Permission = "organization.manage"
)

// PermissionInfo describes a permission for people.
type PermissionInfo struct {
	Permission Permission
	Name       string // "Use the API"
	Means      string
}

// Permissions lists every permission, in the order pages show them.
func Permissions() []PermissionInfo {
	return []PermissionInfo{
		{PermissionUseAPI, "Use the API", "Call the APIs with API tokens and apps."},
		{PermissionConnectApps, "Connect apps", "Let apps act on your behalf."},
		{PermissionRegisterApps, "Register apps", "Register apps for the organization."},
		{PermissionManageTokens, "Manage tokens", "See and manage other users’ API tokens."},
		{PermissionManageOrganizationTokens, "Manage organization tokens", "See and manage organization tokens that others added."},
		{PermissionManageUsers, "Manage users", "Add users, switch them off, and give them roles."},
		{PermissionManageRoles, "Manage roles", "Create and change roles."},
		{PermissionReadEvents, "Read the activity log", "See what changed in the organization."},
		{PermissionManageOrganization, "Manage the organization", "Change the organization’s settings."},
	}
}

// Valid reports whether the permission is on the list.
func (p Permission) Valid() bool {
	return slices.ContainsFunc(Permissions(), func(info PermissionInfo) bool { return info.Permission == p })
}

// Name is what people call the permission: "Use the API".
func (p Permission) Name() string {
	for _, info := range Permissions() {
		if info.Permission == p {
			return info.Name
		}
	}
	return string(p)
}

// Lacking is the refusal of somebody without the permission. It says who can give it to them.
func (p Permission) Lacking() error {
	return Refuse(Forbidden, "You need the “"+p.Name()+"” permission ("+string(p)+"). Ask an administrator of your organization for a role that grants it.")
}

// OperatorsOnly is the refusal of somebody who isn't an operator.
func OperatorsOnly() error {
	return Refuse(Forbidden, "Only an operator of this Keyporter can do that. Ask the people who run it.")
}

// GivesPower reports whether the permission opens more than its holder's own things.
func (p Permission) GivesPower() bool {
	switch p {
	case PermissionManageUsers, PermissionManageRoles, PermissionManageOrganization, PermissionManageTokens, PermissionManageOrganizationTokens:
		return true
	}
	return false
}

// Effect is what one role does to one permission. Zero means nothing.
type Effect int8

// The effects. A block in one role beats every grant in others.
const (
	EffectGrant Effect = 1
	EffectBlock Effect = -1
)

// Role grants or blocks permissions for the users who hold it, or leaves them alone.
type Role struct {
	ID             ID
	OrganizationID ID // empty for a predefined role, which is the same in every organization
	Name           string
	Effects        map[Permission]Effect
	Version        int // counts the changes, from 1; 0 for a predefined role
}

// Predefined reports whether every organization has the role, and nobody can edit it.
func (r Role) Predefined() bool { return r.OrganizationID == "" }

// The predefined roles. They can't be edited.
const (
	RoleAdministrator ID = "administrator"
	RoleAPIUser       ID = "api_user"
	RoleDeveloper     ID = "developer"
	RoleAuditor       ID = "auditor"
	RoleMember        ID = "member"
)

// PredefinedRoles lists the roles every organization has.
func PredefinedRoles() []Role {
	all := map[Permission]Effect{}
	for _, p := range Permissions() {
		all[p.Permission] = EffectGrant
	}
	return []Role{
		{ID: RoleAdministrator, Name: "Administrator", Effects: all},
		{ID: RoleAPIUser, Name: "Api User", Effects: map[Permission]Effect{PermissionUseAPI: EffectGrant, PermissionConnectApps: EffectGrant}},
		{ID: RoleDeveloper, Name: "Developer", Effects: map[Permission]Effect{PermissionRegisterApps: EffectGrant}},
		{ID: RoleAuditor, Name: "Auditor", Effects: map[Permission]Effect{PermissionReadEvents: EffectGrant}},
		{ID: RoleMember, Name: "Member"},
	}
}

// PredefinedRole returns the predefined role with the given ID.
func PredefinedRole(id ID) (Role, bool) {
	roles := PredefinedRoles()
	i := slices.IndexFunc(roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return roles[i], true
}

// Resolution is what all roles of one user together say about one permission.
type Resolution struct {
	Granting, Blocking []Role
}

// Resolve returns which of the roles grant p and which block it.
func Resolve(roles []Role, p Permission) Resolution {
	var res Resolution
	for _, r := range roles {
		switch r.Effects[p] {
		case EffectGrant:
			res.Granting = append(res.Granting, r)
		case EffectBlock:
			res.Blocking = append(res.Blocking, r)
		}
	}
	return res
}

// Held reports whether the user holds the permission: at least one role grants it and none blocks it.
func (r Resolution) Held() bool { return len(r.Granting) > 0 && len(r.Blocking) == 0 }

// Held returns the permissions that a user with these roles holds, in the order of the list.
func Held(roles []Role) []Permission {
	var held []Permission
	for _, p := range Permissions() {
		if Resolve(roles, p.Permission).Held() {
			held = append(held, p.Permission)
		}
	}
	return held
}
