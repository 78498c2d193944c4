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
	roles        roles // of the organization, as they are now
	holders      []holder
}

// holder is a user affected by the change, with their roles before and after.
type holder struct {
	keyporter.User
	before, after []keyporter.Role
}

func (h *holder) loses() []keyporter.Permission {
	return without(keyporter.Held(h.before), keyporter.Held(h.after))
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

func (h *holder) gains() []keyporter.Permission {
	return without(keyporter.Held(h.after), keyporter.Held(h.before))
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

// grant reports whether a user with the roles of these IDs holds permission p.
func (all roles) grant(ids []keyporter.ID, p keyporter.Permission) bool {
	return keyporter.Resolve(all.existing(ids), p).Held()
}

// replace gives every holder of a role another one instead, or none if by is nil.
func (p *plan) replace(ctx context.Context, q reader, role keyporter.ID, by *keyporter.Role) error {
	users, err := q.UsersOf(ctx, store.UserList{OrganizationID: p.organization.ID, RoleID: role})
	for _, u := range users {
		h := holder{User: u, before: p.roles.existing(u.RoleIDs)}
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
		if more := p.authority.cannotGive(h.gains()); len(more) > 0 {
			return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("This would give %s permissions that you don’t have yourself: %s.", h.Login, named(more)))
		}
		// A role affects everyone who holds it: otherwise anyone who makes roles could strip
		// administrators through a role they hold.
		if more := p.authority.cannotGive(keyporter.Held(h.before)); len(more) > 0 && len(h.loses()) > 0 {
			return keyporter.Refuse(keyporter.Forbidden, fmt.Sprintf("This would take permissions from %s, who has others that you don’t have: %s. Only someone who has them can do that.", h.Login, named(more)))
		}
	}
	return p.keepsAdministrator(ctx, q)
}

// administers reports whether a user with these roles can repair everything else.
func administers(roles []keyporter.Role) bool {
	return keyporter.Resolve(roles, keyporter.PermissionManageUsers).Held() && keyporter.Resolve(roles, keyporter.PermissionManageRoles).Held()
}

func (p *plan) keepsAdministrator(ctx context.Context, q reader) error {
	touched, removes := map[keyporter.ID]*holder{}, false
	for i := range p.holders {
		h := &p.holders[i]
		touched[h.ID] = h
		removes = removes || h.Active && administers(h.before) && !administers(h.after)
	}
	if !removes {
		return nil
	}
	users, err := q.UsersOf(ctx, store.UserList{OrganizationID: p.organization.ID})
	if err != nil {
		return err
	}
	for _, u := range users {
		roles := p.roles.existing(u.RoleIDs)
		if h := touched[u.ID]; h != nil {
			roles = h.after
		}
		if u.Active && administers(roles) {
			return nil
		}
	}
	return keyporter.Refuse(keyporter.Conflict, fmt.Sprintf(
		"After this, nobody could manage the users and roles of %s. Let someone else do that first, for example with the role “Administrator”.", p.organization.Name))
}
