package control

import (
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// MaxRoles is how many roles of its own an organization can have: pages show them all to
// choose from.
const MaxRoles = 200

// RoleWithHolders is a role and how many users of the organization hold it.
type RoleWithHolders struct {
	keyporter.Role
	Holders int
}

// Roles returns the roles that users of an organization can have: the predefined ones, then
// its own by name. People who give roles and people who make them may see them.
func (c *Control) Roles(ctx context.Context, actor keyporter.Actor, organization keyporter.ID) ([]keyporter.Role, error) {
	if _, err := may(ctx, c.db, actor, organization, keyporter.PermissionManageRoles, keyporter.PermissionManageUsers); err != nil {
		return nil, err
	}
	custom, err := c.db.RolesIn(ctx, organization)
	return append(keyporter.PredefinedRoles(), custom...), err
}

// RolesWithHolders returns the same roles, and how many users hold each.
func (c *Control) RolesWithHolders(ctx context.Context, actor keyporter.Actor, organization keyporter.ID) ([]RoleWithHolders, error) {
	roles, err := c.Roles(ctx, actor, organization)
	if err != nil {
		return nil, err
	}
	sets, err := c.db.RoleSets(ctx, organization)
	all := make([]RoleWithHolders, len(roles))
	for i, r := range roles {
		all[i] = RoleWithHolders{Role: r, Holders: holders(setsWith(sets, r.ID))}
	}
	return all, err
}

// setsWith returns the sets that have a role.
func setsWith(sets []store.RoleSet, role keyporter.ID) []store.RoleSet {
	with := []store.RoleSet{}
	for _, s := range sets {
		if s.Has(role) {
			with = append(with, s)
		}
	}
	return with
}

func holders(sets []store.RoleSet) (n int) {
	for _, s := range sets {
		n += s.Users
	}
	return n
}

// Role returns a predefined role, or one of the organization's own. The holders of a
// predefined role are counted in the actor's organization.
func (c *Control) Role(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (RoleWithHolders, error) {
	role, organization, err := c.role(ctx, actor, id)
	if err != nil {
		return RoleWithHolders{}, err
	}
	sets, err := c.db.RoleSets(ctx, organization)
	return RoleWithHolders{Role: role, Holders: holders(setsWith(sets, id))}, err
}

// HoldersOf returns a role and the users who hold it, by login name: a page of up to MaxPage after
// the user after.
func (c *Control) HoldersOf(ctx context.Context, actor keyporter.Actor, id, after keyporter.ID) (RoleWithHolders, []keyporter.User, error) {
	role, organization, err := c.role(ctx, actor, id)
	if err != nil {
		return RoleWithHolders{}, nil, err
	}
	sets, err := c.db.RoleSets(ctx, organization)
	if err != nil {
		return RoleWithHolders{}, nil, err
	}
	sets = setsWith(sets, id)
	users, err := c.db.UsersOf(ctx, store.UserList{OrganizationID: organization, RoleSets: sets, After: after, Limit: MaxPage})
	return RoleWithHolders{Role: role, Holders: holders(sets)}, users, err
}

// role returns a role that the actor may see, and the organization in which they see it.
func (c *Control) role(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (keyporter.Role, keyporter.ID, error) {
	role, predefined := keyporter.PredefinedRole(id)
	organization := actor.User.OrganizationID
	if !predefined {
		var err error
		if role, err = c.db.RoleByID(ctx, id); err != nil {
			return role, "", missing(err, "role")
		}
		organization = role.OrganizationID
	}
	_, err := may(ctx, c.db, actor, organization, keyporter.PermissionManageRoles, keyporter.PermissionManageUsers)
	return role, organization, missing(err, "role")
}

// CreateRole adds a role to an organization. ID and Version of r are ignored.
func (c *Control) CreateRole(ctx context.Context, actor keyporter.Actor, r keyporter.Role) (keyporter.Role, error) {
	now := c.now()
	r.ID, r.Version = keyporter.NewID(now), 1
	if err := cleanRole(&r); err != nil {
		return r, err
	}
	err := c.locked(ctx, actor, r.OrganizationID, func(tx *store.Tx) error {
		p, err := newPlan(ctx, tx, actor, r.OrganizationID, keyporter.PermissionManageRoles)
		if err != nil {
			return err
		}
		if err := p.mayMake(keyporter.Role{}, r); err != nil {
			return err
		}
		if len(p.roles) >= MaxRoles+len(keyporter.PredefinedRoles()) {
			return keyporter.InvalidField("name", fmt.Sprintf("You have reached the limit of %d roles. Delete one you no longer use.", MaxRoles))
		}
		if err := tx.InsertRole(ctx, r, now); err != nil {
			return roleFault(err)
		}
		return tx.InsertEvent(ctx, c.roleEvent(keyporter.EventRoleCreate, actor, r, keyporter.Role{}))
	})
	return r, err
}

// UpdateRole gives the role with r.ID another name and other effects. If the role is no
// longer at r.Version, it returns a Conflict and changes nothing.
func (c *Control) UpdateRole(ctx context.Context, actor keyporter.Actor, r keyporter.Role) (keyporter.Role, error) {
	if err := cleanRole(&r); err != nil {
		return r, err
	}
	err := c.changeRole(ctx, actor, r.ID, func(tx *store.Tx) error {
		before, p, err := planUpdate(ctx, tx, actor, r)
		if err != nil {
			return err
		}
		if err := c.mustBeFreshFor(actor, &p); err != nil {
			return err
		}
		r.OrganizationID = before.OrganizationID
		if err := tx.UpdateRole(ctx, r); err != nil {
			return roleFault(err)
		}
		return tx.InsertEvent(ctx, c.roleEvent(keyporter.EventRoleUpdate, actor, r, before))
	})
	r.Version++
	return r, err
}

// PreviewRole returns what UpdateRole would do with the same input.
func (c *Control) PreviewRole(ctx context.Context, actor keyporter.Actor, r keyporter.Role) (Impact, error) {
	if err := cleanRole(&r); err != nil {
		return Impact{}, err
	}
	_, p, err := planUpdate(ctx, c.db, actor, r)
	if err != nil {
		return Impact{}, err
	}
	return c.impact(ctx, p)
}

// DeleteRole takes a role away from everyone who holds it and deletes it. If the role is no
// longer at that version, it returns a Conflict and changes nothing.
func (c *Control) DeleteRole(ctx context.Context, actor keyporter.Actor, id keyporter.ID, version int) error {
	return c.changeRole(ctx, actor, id, func(tx *store.Tx) error {
		before, p, err := planDeletion(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		if err := c.mustBeFreshFor(actor, &p); err != nil {
			return err
		}
		if err := tx.DeleteRole(ctx, before, version); err != nil {
			return roleFault(err)
		}
		return tx.InsertEvent(ctx, c.roleEvent(keyporter.EventRoleDelete, actor, before, before))
	})
}

// PreviewRoleDeletion returns what DeleteRole would do.
func (c *Control) PreviewRoleDeletion(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (Impact, error) {
	_, p, err := planDeletion(ctx, c.db, actor, id)
	if err != nil {
		return Impact{}, err
	}
	return c.impact(ctx, p)
}

// planUpdate plans the change of the role with r.ID into r, and returns the role as it is
// now.
func planUpdate(ctx context.Context, q reader, actor keyporter.Actor, r keyporter.Role) (keyporter.Role, plan, error) {
	before, p, err := planRole(ctx, q, actor, r.ID)
	if err != nil {
		return before, p, err
	}
	if before.Version != r.Version {
		return before, p, roleChanged()
	}
	if err := p.mayMake(before, r); err != nil {
		return before, p, err
	}
	if err := p.replace(ctx, q, r.ID, &r); err != nil {
		return before, p, err
	}
	return before, p, p.check(ctx, q)
}

func planDeletion(ctx context.Context, q reader, actor keyporter.Actor, id keyporter.ID) (keyporter.Role, plan, error) {
	before, p, err := planRole(ctx, q, actor, id)
	if err != nil {
		return before, p, err
	}
	if err := p.replace(ctx, q, id, nil); err != nil {
		return before, p, err
	}
	return before, p, p.check(ctx, q)
}

// planRole begins the plan of a change to a role, and returns the role as it is now.
func planRole(ctx context.Context, q reader, actor keyporter.Actor, id keyporter.ID) (keyporter.Role, plan, error) {
	if err := editable(id); err != nil {
		return keyporter.Role{}, plan{}, err
	}
	before, err := q.RoleByID(ctx, id)
	if err != nil {
		return before, plan{}, missing(err, "role")
	}
	p, err := newPlan(ctx, q, actor, before.OrganizationID, keyporter.PermissionManageRoles)
	return before, p, missing(err, "role")
}

// changeRole runs change and keeps others from changing what users of the role's
// organization hold at the same time.
func (c *Control) changeRole(ctx context.Context, actor keyporter.Actor, id keyporter.ID, change func(*store.Tx) error) error {
	if err := editable(id); err != nil {
		return err
	}
	role, err := c.db.RoleByID(ctx, id)
	if err != nil {
		return missing(err, "role")
	}
	return c.locked(ctx, actor, role.OrganizationID, change)
}

func editable(id keyporter.ID) error {
	if _, ok := keyporter.PredefinedRole(id); ok {
		return keyporter.Refuse(keyporter.Forbidden, "Predefined roles are the same in every organization and can’t be changed. Make a copy and change that instead.")
	}
	return nil
}

// mayMake requires that the organization may have roles of its own, and that the actor holds
// everything the role newly grants.
func (p *plan) mayMake(before, after keyporter.Role) error {
	if !p.organization.Has(keyporter.FlagCustomUserRoles) {
		return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf(
			"%s doesn’t have the feature “%s” (%s).", p.organization.Name, keyporter.FlagCustomUserRoles.Name(), keyporter.FlagCustomUserRoles))
	}
	if more := p.authority.cannotGive(without(permissionsGranted(after), permissionsGranted(before))); len(more) > 0 {
		return keyporter.Refuse(keyporter.Forbidden, "You can only grant what you have yourself. This role would also grant "+named(more)+".")
	}
	return nil
}

func permissionsGranted(r keyporter.Role) []keyporter.Permission {
	return withEffect(r, keyporter.EffectGrant)
}

func withEffect(r keyporter.Role, e keyporter.Effect) []keyporter.Permission {
	var all []keyporter.Permission
	for _, p := range keyporter.Permissions() {
		if r.Effects[p.Permission] == e {
			all = append(all, p.Permission)
		}
	}
	return all
}

// cleanRole validates and normalizes what a person entered for a role. Permissions left open
// have no entry in Effects.
func cleanRole(r *keyporter.Role) error {
	var wrongName error
	r.Name, wrongName = names.Parse("name", r.Name)
	for _, p := range keyporter.PredefinedRoles() {
		if names.Same(p.Name, r.Name) {
			wrongName = roleNameTaken()
		}
	}
	return keyporter.JoinFields(wrongName, cleanEffects(r))
}

func cleanEffects(r *keyporter.Role) error {
	effects := map[keyporter.Permission]keyporter.Effect{}
	for p, e := range r.Effects {
		if !p.Valid() {
			return keyporter.InvalidField("permission", "There is no permission “"+text(string(p), keyporter.MaxNameLen)+"”.")
		}
		switch e {
		case keyporter.EffectGrant, keyporter.EffectBlock:
			effects[p] = e
		case 0:
		default:
			return keyporter.InvalidField("permission", "A role grants a permission, blocks it, or leaves it open.")
		}
	}
	r.Effects = effects
	return nil
}

// roleFault says why a role couldn't be written.
func roleFault(err error) error {
	switch keyporter.KindOf(err) {
	case keyporter.NotFound: // at the version that was given
		return roleChanged()
	case keyporter.Conflict:
		return roleNameTaken()
	}
	return err
}

func roleChanged() error {
	return keyporter.Refuse(keyporter.Conflict, "Someone else has changed this role in the meantime. Your changes weren’t saved. Review the current version and try again.")
}

func roleNameTaken() error {
	return keyporter.ConflictField("name", "A role with this name already exists. Choose another name.")
}

// roleEvent records a change of a role: what it newly grants, blocks and leaves open.
func (c *Control) roleEvent(name keyporter.EventName, actor keyporter.Actor, r, before keyporter.Role) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID = r.OrganizationID
	e.Detail = map[string]string{"role": string(r.ID), "name": r.Name}
	if before.Name != "" && before.Name != r.Name {
		e.Detail["before"] = before.Name
	}
	for word, effect := range map[string]keyporter.Effect{"grants": keyporter.EffectGrant, "blocks": keyporter.EffectBlock, "open": 0} {
		if changed := without(withEffect(r, effect), withEffect(before, effect)); len(changed) > 0 {
			e.Detail[word] = words(changed)
		}
	}
	return e
}
