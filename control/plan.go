package control

import (
	"context"
	"fmt"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// plan is a change to what users hold, worked out before it is made. The preview shows its
// consequences, and the change itself refuses those that aren't allowed, so the two can't
// differ.
type plan struct {
	organization keyporter.Organization
	authority    authority
	roles        roles           // of the organization, as they are now
	sets         []store.RoleSet // of its users; nil: not read yet
	holders      []holder
}

// holder is a user affected by the change, or all users with the same roles, with their roles before and
// after.
type holder struct {
	keyporter.User                // zero if it is a set
	set            *store.RoleSet // nil: it is one user
	before, after  []keyporter.Role
}

// unchanged returns a user whose roles stay as they are.
func unchanged(u keyporter.User, before []keyporter.Role) holder {
	return holder{User: u, before: before, after: before}
}

// users returns how many users it is, and how many of them are active.
func (h *holder) users() (all, active int) {
	switch {
	case h.set != nil:
		return h.set.Users, h.set.Active
	case h.Active:
		return 1, 1
	}
	return 1, 0
}

// is reports whether it is the user with this ID and these roles, or one of them.
func (h *holder) is(id keyporter.ID, roles []keyporter.ID) bool {
	if h.set == nil {
		return h.ID == id
	}
	return slices.Equal(h.set.RoleIDs, roles)
}

// login returns the login name of the user, or of the first of them. If users aren't found by their
// roles, see store.Tx.RoleSets, it doesn't matter who it is.
func (h *holder) login(ctx context.Context, q reader, organization keyporter.ID) (string, error) {
	if h.set == nil {
		return h.Login, nil
	}
	users, err := q.UsersOf(ctx, store.UserList{OrganizationID: organization, RoleSets: []store.RoleSet{*h.set}, Limit: 1})
	if err != nil || len(users) == 0 {
		return "a user", err
	}
	return users[0].Login, nil
}

func (h *holder) loses() []keyporter.Permission {
	return without(keyporter.Held(h.before), keyporter.Held(h.after))
}

func (h *holder) gains() []keyporter.Permission {
	return without(keyporter.Held(h.after), keyporter.Held(h.before))
}

// mustBeFreshFor requires that the actor has just proved who they are if the change gives anyone power
// over others.
func (c *Control) mustBeFreshFor(actor keyporter.Actor, p *plan) error {
	for _, h := range p.holders {
		if slices.ContainsFunc(h.gains(), keyporter.Permission.GivesPower) {
			return c.mustBeFresh(actor)
		}
	}
	return nil
}

// newPlan begins the plan of a change that requires permission p.
func newPlan(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID, p keyporter.Permission) (_ plan, err error) {
	var pl plan
	if pl.authority, err = may(ctx, q, actor, organization, p); err != nil {
		return pl, err
	}
	if pl.organization, err = q.OrganizationByID(ctx, organization); err != nil {
		return pl, missing(err, "organization")
	}
	pl.roles, err = rolesIn(ctx, q, organization)
	return pl, err
}

// roles are all roles that users of an organization can have, by their IDs.
type roles map[keyporter.ID]keyporter.Role

// rolesIn returns the roles of an organization.
func rolesIn(ctx context.Context, q reader, organization keyporter.ID) (roles, error) {
	custom, err := q.RolesIn(ctx, organization)
	all := roles{}
	for _, r := range append(keyporter.PredefinedRoles(), custom...) {
		all[r.ID] = r
	}
	return all, err
}

// pick returns roles by their IDs, each once. If one doesn't exist, it returns an Invalid
// error.
func (all roles) pick(ids []keyporter.ID) ([]keyporter.Role, error) {
	var picked []keyporter.Role
	for _, id := range distinct(ids) {
		r, ok := all[id]
		if !ok {
			return nil, keyporter.InvalidField("role", "There is no role “"+text(string(id), keyporter.MaxNameLen)+"”.")
		}
		picked = append(picked, r)
	}
	return picked, nil
}

// existing returns roles by their IDs, without those that were deleted meanwhile.
func (all roles) existing(ids []keyporter.ID) []keyporter.Role {
	var found []keyporter.Role
	for _, id := range ids {
		if r, ok := all[id]; ok {
			found = append(found, r)
		}
	}
	return found
}

// grantUse reports whether a user with the roles of these IDs holds api.use.
func (all roles) grantUse(ids []keyporter.ID) bool {
	return keyporter.Resolve(all.existing(ids), keyporter.PermissionUseAPI).Held()
}

func (p *plan) roleSets(ctx context.Context, q reader) (_ []store.RoleSet, err error) {
	if p.sets == nil {
		p.sets, err = q.RoleSets(ctx, p.organization.ID)
	}
	return p.sets, err
}

// replace gives every holder of a role another one instead, or none if by is nil.
func (p *plan) replace(ctx context.Context, q reader, role keyporter.ID, by *keyporter.Role) error {
	sets, err := p.roleSets(ctx, q)
	for _, s := range setsWith(sets, role) {
		h := holder{set: &s, before: p.roles.existing(s.RoleIDs)}
		for _, r := range h.before {
			switch {
			case r.ID != role:
				h.after = append(h.after, r)
			case by != nil:
				h.after = append(h.after, *by)
			}
		}
		p.holders = append(p.holders, h)
	}
	return err
}

// check refuses the change if it would give anyone what the actor doesn't hold, by granting
// it or by lifting a block; if it would take something from a user who holds more than the
// actor; or if nobody would be left who can undo it. The machine's owner may do all of it,
// and has other ways back in.
func (p *plan) check(ctx context.Context, q reader) error {
	if p.authority.trusted {
		return nil
	}
	for _, h := range p.holders {
		// A role affects everyone who holds it: otherwise anyone who makes roles could strip
		// administrators through a role they hold.
		gives, takes := p.authority.cannotGive(h.gains()), p.authority.cannotGive(keyporter.Held(h.before))
		if len(gives) == 0 && (len(takes) == 0 || len(h.loses()) == 0) {
			continue
		}
		login, err := h.login(ctx, q, p.organization.ID)
		if err != nil {
			return err
		}
		if len(gives) > 0 {
			return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("This would give %s permissions that you don’t have yourself: %s.", login, named(gives)))
		}
		return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("This would take permissions from %s, who has others that you don’t have: %s. Only someone who has them can do that.", login, named(takes)))
	}
	return p.keepsAdministrator(ctx, q)
}

// administers reports whether a user with these roles can repair everything else.
func administers(roles []keyporter.Role) bool {
	return keyporter.Resolve(roles, keyporter.PermissionManageUsers).Held() && keyporter.Resolve(roles, keyporter.PermissionManageRoles).Held()
}

func (p *plan) keepsAdministrator(ctx context.Context, q reader) error {
	removes, administrators := 0, 0 // of those affected
	for _, h := range p.holders {
		_, active := h.users()
		if administers(h.before) && !administers(h.after) {
			removes += active
		}
		if administers(h.after) && !administers(h.before) {
			administrators += active
		}
	}
	if removes == 0 {
		return nil
	}
	sets, err := p.roleSets(ctx, q)
	if err != nil {
		return err
	}
	for _, s := range sets {
		if administers(p.roles.existing(s.RoleIDs)) {
			administrators += s.Active
		}
	}
	if administrators > removes {
		return nil
	}
	return keyporter.Refuse(keyporter.Conflict, fmt.Sprintf(
		"After this, nobody could manage the users and roles of %s. Let someone else do that first, for example with the role “Administrator”.", p.organization.Name))
}
