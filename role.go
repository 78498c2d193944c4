package keyporter

import "slices"

// Permission is something that a role can grant or block. The list is closed.
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

// Permissions lists every permission, in the order in which pages show them.
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

// Valid tells whether the permission is on the list.
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

// Effect is what one role says about one permission. Zero says nothing.
type Effect int8

// The effects. A block in one role beats every grant in others.
const (
	EffectGrant Effect = 1
	EffectBlock Effect = -1
)

// Role sets permissions to grant, block or nothing, for the users who hold it.
type Role struct {
	ID             ID
	OrganizationID ID // empty for a predefined role: it is the same in every organization
	Name           string
	Effects        map[Permission]Effect
	Version        int // counts the changes of a role, from 1; 0: predefined
}

// Predefined tells whether every organization has the role, and nobody can edit it.
func (r Role) Predefined() bool { return r.OrganizationID == "" }

// The predefined roles. They can't be edited.
const (
	RoleAdministrator ID = "administrator"
	RoleAPIUser       ID = "api_user"
	RoleDeveloper     ID = "developer"
	RoleAuditor       ID = "auditor"
	RoleMember        ID = "member"
)

// PredefinedRoles lists the roles that every organization has.
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

// Resolution is what the roles of one user say about one permission together.
type Resolution struct {
	Granting, Blocking []Role
}

// Resolve asks every role about p.
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

// Held tells whether the user holds the permission: at least one role grants it and none blocks it.
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
