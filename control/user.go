package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// NewUser is the input of CreateUser.
type NewUser struct {
	OrganizationID keyporter.ID
	Login          string
	Password       string
	Operator       bool // only operators may set it
	RoleIDs        []keyporter.ID
}

// CreateUser adds an active user.
func (c *Control) CreateUser(ctx context.Context, actor keyporter.Actor, in NewUser) (keyporter.User, error) {
	// Checked before hashing, which is expensive, and again once nobody can change the answer
	// anymore.
	refused := c.mayCreateUser(ctx, c.db, actor, in)
	u, wrong := c.newUser(in)
	if err := keyporter.JoinFields(refused, wrong); err != nil {
		return keyporter.User{}, err
	}
	if err := c.countAddition(ctx, actor, u.OrganizationID); err != nil {
		return keyporter.User{}, err
	}
	hash, err := c.hashPassword(ctx, waiter{actor: actor}, in.Password)
	if err != nil {
		return keyporter.User{}, err
	}
	err = c.locked(ctx, actor, u.OrganizationID, func(tx *store.Tx) error {
		if err := c.mayCreateUser(ctx, tx, actor, in); err != nil {
			return err
		}
		return c.insertUser(ctx, tx, actor, u, hash)
	})
	return u, err
}

// mayCreateUser requires that the actor may add a user with these roles, and for one with power, that
// they have just signed in.
func (c *Control) mayCreateUser(ctx context.Context, q reader, actor keyporter.Actor, in NewUser) error {
	p, err := newPlan(ctx, q, actor, in.OrganizationID, keyporter.PermissionManageUsers)
	if err != nil {
		return err
	}
	if in.Operator && !p.authority.operates {
		return keyporter.Refuse(keyporter.Forbidden, "Only an operator of this Keyporter can add another one.")
	}
	roles, err := p.roles.pick(in.RoleIDs)
	if err != nil {
		return err
	}
	p.holders = []holder{{User: keyporter.User{Login: in.Login, Active: true}, after: roles}}
	if err := p.check(ctx, q); err != nil {
		return err
	}
	if in.Operator {
		return c.mustBeFresh(actor)
	}
	return c.mustBeFreshFor(actor, &p)
}

// newUser validates the input for a new user.
func (c *Control) newUser(in NewUser) (u keyporter.User, err error) {
	now := c.now()
	u = keyporter.User{ID: keyporter.NewID(now), OrganizationID: in.OrganizationID, Operator: in.Operator, Active: true, RoleIDs: distinct(in.RoleIDs), CreatedAt: now}
	u.Login, err = names.ParseLogin(in.Login)
	return u, keyporter.JoinFields(err, checkPassword(in.Password))
}

func (c *Control) insertUser(ctx context.Context, tx *store.Tx, actor keyporter.Actor, u keyporter.User, hash string) error {
	if err := mayHaveLogin(ctx, tx, u); err != nil {
		return err
	}
	if err := c.checkUsers(ctx, tx, actor, u.OrganizationID); err != nil {
		return err
	}
	err := tx.InsertUser(ctx, u, hash)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return loginTaken()
	}
	if err == nil && u.Operator {
		err = letsOperatorsIn(ctx, tx, u.OrganizationID)
	}
	if err == nil && u.Operator {
		err = tx.EndSetupLinks(ctx) // they are for the first operator, and may be in a log
	}
	if err != nil {
		return err
	}
	e := c.userEvent(keyporter.EventUserCreate, actor, u)
	e.Detail["roles"] = words(u.RoleIDs)
	return tx.InsertEvent(ctx, e)
}

// EnableUser lets a user sign in and their tokens work. If the user is active already,
// nothing changes. Enabling someone with power over others takes a fresh sign-in. If the domain of
// their login has become another organization's, the error is a Conflict.
func (c *Control) EnableUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeUser(ctx, actor, id, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		h := p.holders[0]
		if h.Operator || slices.ContainsFunc(keyporter.Held(h.before), keyporter.Permission.GivesPower) {
			if err := c.mustBeFresh(actor); err != nil {
				return keyporter.Event{}, err
			}
		}
		if err := mayHaveLogin(ctx, tx, h.User); err != nil {
			return keyporter.Event{}, err
		}
		return c.switchUser(ctx, tx, actor, h.User, true)
	})
}

// DisableUser ends a user's sessions and keeps their tokens from working. Users can't
// disable themselves, and nobody can disable the last user who manages users and roles.
func (c *Control) DisableUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeUser(ctx, actor, id, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		if err := p.disables(ctx, tx, actor); err != nil {
			return keyporter.Event{}, err
		}
		if err := tx.DeleteSessionsOf(ctx, id); err != nil {
			return keyporter.Event{}, err
		}
		return c.switchUser(ctx, tx, actor, p.holders[0].User, false)
	})
}

// PreviewDisable returns which tokens DisableUser would stop; the user loses everything they
// hold.
func (c *Control) PreviewDisable(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (Impact, error) {
	p, err := planFor(ctx, c.db, actor, id)
	if err != nil {
		return Impact{}, err
	}
	if err := p.disables(ctx, c.db, actor); err != nil {
		return Impact{}, err
	}
	return c.impact(ctx, p)
}

// disables plans that the user no longer holds anything.
func (p *plan) disables(ctx context.Context, q reader, actor keyporter.Actor) error {
	if p.holders[0].ID == actor.User.ID {
		return keyporter.Refuse(keyporter.Forbidden, "You can’t switch yourself off. Someone else who manages users can.")
	}
	p.holders[0].after = nil
	return p.check(ctx, q)
}

func (c *Control) switchUser(ctx context.Context, tx *store.Tx, actor keyporter.Actor, u keyporter.User, on bool) (keyporter.Event, error) {
	name := keyporter.EventUserDisable
	if on {
		name = keyporter.EventUserEnable
	}
	changed, err := tx.SetUserActive(ctx, u.ID, on)
	if err != nil || !changed {
		return keyporter.Event{}, err // nothing happened, so no event
	}
	if on {
		if err := letsOperatorsIn(ctx, tx, u.OrganizationID); err != nil {
			return keyporter.Event{}, err
		}
	}
	return c.userEvent(name, actor, u), nil
}

// UserRoles is the input of ChangeUserRoles.
type UserRoles struct {
	UserID  keyporter.ID
	RoleIDs []keyporter.ID // that the user is to have, the complete list
	Shown   []keyporter.ID // that the user had when the form was shown
}

// ChangeUserRoles gives a user exactly these roles. If the user no longer has the roles in
// Shown, it returns a Conflict and changes nothing.
func (c *Control) ChangeUserRoles(ctx context.Context, actor keyporter.Actor, in UserRoles) error {
	return c.changeUser(ctx, actor, in.UserID, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		if err := p.setRoles(ctx, tx, in); err != nil {
			return keyporter.Event{}, err
		}
		if err := c.mustBeFreshFor(actor, p); err != nil {
			return keyporter.Event{}, err
		}
		u, to := p.holders[0].User, distinct(in.RoleIDs)
		if slices.Equal(u.RoleIDs, to) {
			return keyporter.Event{}, nil
		}
		e := c.userEvent(keyporter.EventUserRoles, actor, u)
		e.Detail["roles"], e.Detail["before"] = words(to), words(u.RoleIDs)
		return e, tx.SetUserRoles(ctx, u.ID, to)
	})
}

// SetUserRoles does the same as ChangeUserRoles, whatever roles the user has now.
func (c *Control) SetUserRoles(ctx context.Context, actor keyporter.Actor, id keyporter.ID, roles []keyporter.ID) error {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return missing(err, "user")
	}
	return c.ChangeUserRoles(ctx, actor, UserRoles{UserID: id, RoleIDs: roles, Shown: u.RoleIDs})
}

// PreviewUserRoles returns what ChangeUserRoles would do with the same input.
func (c *Control) PreviewUserRoles(ctx context.Context, actor keyporter.Actor, in UserRoles) (Impact, error) {
	p, err := planFor(ctx, c.db, actor, in.UserID)
	if err != nil {
		return Impact{}, err
	}
	if err := p.setRoles(ctx, c.db, in); err != nil {
		return Impact{}, err
	}
	return c.impact(ctx, p)
}

// setRoles plans that the user has exactly these roles.
func (p *plan) setRoles(ctx context.Context, q reader, in UserRoles) (err error) {
	h := &p.holders[0]
	if !slices.Equal(h.RoleIDs, distinct(in.Shown)) {
		return keyporter.Refuse(keyporter.Conflict, "Someone else has changed this user’s roles in the meantime. Your changes weren’t saved. Review the current roles and try again.")
	}
	if h.after, err = p.roles.pick(in.RoleIDs); err != nil {
		return err
	}
	return p.check(ctx, q)
}

// planFor begins the plan of a change to a user the actor may change.
func planFor(ctx context.Context, q reader, actor keyporter.Actor, id keyporter.ID) (plan, error) {
	u, err := q.UserByID(ctx, id)
	if err != nil {
		return plan{}, missing(err, "user")
	}
	p, err := newPlan(ctx, q, actor, u.OrganizationID, keyporter.PermissionManageUsers)
	if err != nil {
		return p, missing(err, "user")
	}
	before := p.roles.existing(u.RoleIDs)
	p.holders = []holder{unchanged(u, before)}
	return p, p.authority.mayChange(u, before)
}

// changeUser makes one change to a user the actor may change, and keeps others from changing
// what users of that user's organization hold at the same time. If change returns an event
// without a name, nothing changed and no event is written.
func (c *Control) changeUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID, change func(*store.Tx, *plan) (keyporter.Event, error)) error {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return missing(err, "user")
	}
	return c.locked(ctx, actor, u.OrganizationID, func(tx *store.Tx) error {
		p, err := planFor(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		e, err := change(tx, &p)
		if err != nil || e.Name == "" {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
}

func (c *Control) userEvent(name keyporter.EventName, actor keyporter.Actor, u keyporter.User) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.UserID = u.OrganizationID, u.ID
	e.Detail = map[string]string{"login": u.Login}
	return e
}
