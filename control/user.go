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
	Operator       bool // operators only
	RoleIDs        []keyporter.ID
}

// CreateUser adds an active user.
func (c *Control) CreateUser(ctx context.Context, actor keyporter.Actor, in NewUser) (keyporter.User, error) {
	// Asked before the work of hashing, and again when nobody can change the answer any more.
	refused := mayCreateUser(ctx, c.db, actor, in)
	u, wrong := c.newUser(in)
	if err := keyporter.JoinFields(refused, wrong); err != nil {
		return keyporter.User{}, err
	}
	hash, err := c.hashPassword(ctx, in.Password)
	if err != nil {
		return keyporter.User{}, err
	}
	err = c.locked(ctx, actor, u.OrganizationID, func(tx *store.Tx) error {
		if err := mayCreateUser(ctx, tx, actor, in); err != nil {
			return err
		}
		return c.insertUser(ctx, tx, actor, u, hash)
	})
	return u, err
}

// mayCreateUser asks whether the actor may add a user with these roles.
func mayCreateUser(ctx context.Context, q reader, actor keyporter.Actor, in NewUser) error {
	p, err := newPlan(ctx, q, actor, in.OrganizationID, keyporter.PermissionManageUsers)
	if err != nil {
		return err
	}
	if in.Operator && !p.authority.operates {
		return keyporter.Refuse(keyporter.Forbidden, "Only an operator of this Keyporter can add another one.")
	}
	roles, err := pick(p.roles, in.RoleIDs)
	if err != nil {
		return err
	}
	p.holders = []holder{{User: keyporter.User{Login: in.Login}, after: roles}}
	return p.check(ctx, q)
}

// newUser checks the input of a new user.
func (c *Control) newUser(in NewUser) (u keyporter.User, err error) {
	now := c.now()
	u = keyporter.User{ID: keyporter.NewID(now), OrganizationID: in.OrganizationID, Operator: in.Operator, Active: true, RoleIDs: distinct(in.RoleIDs), CreatedAt: now}
	u.Login, err = names.ParseLogin(in.Login)
	return u, keyporter.JoinFields(err, checkPassword(in.Password))
}

func (c *Control) insertUser(ctx context.Context, tx *store.Tx, actor keyporter.Actor, u keyporter.User, hash string) error {
	err := tx.InsertUser(ctx, u, hash)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return keyporter.ConflictField("login", "A user with this login name already exists.")
	}
	if err == nil && u.Operator {
		err = tx.EndSetupLinks(ctx) // it is for the first one, and may stand in a log
	}
	if err != nil {
		return err
	}
	e := c.userEvent(keyporter.EventUserCreate, actor, u)
	e.Detail["roles"] = words(u.RoleIDs)
	return tx.InsertEvent(ctx, e)
}

// EnableUser lets a user sign in, and his tokens work. One who is active stays so.
func (c *Control) EnableUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeUser(ctx, actor, id, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		return c.switchUser(ctx, tx, actor, p.holders[0].User, true)
	})
}

// DisableUser ends a user's sessions and keeps his tokens from working. Nobody can do
// that to himself, and not to the last who manages users and roles.
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

// PreviewDisable tells which tokens DisableUser would stop; he loses all that he holds.
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

// disables plans that the user holds nothing any more.
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
		return keyporter.Event{}, err // nothing happened: no event
	}
	return c.userEvent(name, actor, u), nil
}

// SetPassword gives a user another password and ends his sessions.
func (c *Control) SetPassword(ctx context.Context, actor keyporter.Actor, id keyporter.ID, password string) error {
	if _, err := planFor(ctx, c.db, actor, id); err != nil { // before the work of hashing
		return err
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := c.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return c.changeUser(ctx, actor, id, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		if err := tx.SetPassword(ctx, id, hash); err != nil {
			return keyporter.Event{}, err
		}
		return c.userEvent(keyporter.EventUserPassword, actor, p.holders[0].User), tx.DeleteSessionsOf(ctx, id)
	})
}

// UserRoles is the input of ChangeUserRoles.
type UserRoles struct {
	UserID  keyporter.ID
	RoleIDs []keyporter.ID // that he shall have, and no others
	Shown   []keyporter.ID // that he had when this was asked for
}

// ChangeUserRoles gives a user these roles and no others. When he doesn't have those
// that were shown any more, it is a Conflict and nothing is changed.
func (c *Control) ChangeUserRoles(ctx context.Context, actor keyporter.Actor, in UserRoles) error {
	return c.changeUser(ctx, actor, in.UserID, func(tx *store.Tx, p *plan) (keyporter.Event, error) {
		if err := p.setRoles(ctx, tx, in); err != nil {
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

// SetUserRoles is ChangeUserRoles whatever roles the user has now.
func (c *Control) SetUserRoles(ctx context.Context, actor keyporter.Actor, id keyporter.ID, roles []keyporter.ID) error {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return missing(err, "user")
	}
	return c.ChangeUserRoles(ctx, actor, UserRoles{UserID: id, RoleIDs: roles, Shown: u.RoleIDs})
}

// PreviewUserRoles tells what ChangeUserRoles with the same input would do.
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

// setRoles plans that the user has these roles and no others.
func (p *plan) setRoles(ctx context.Context, q reader, in UserRoles) (err error) {
	h := &p.holders[0]
	if !slices.Equal(h.RoleIDs, distinct(in.Shown)) {
		return keyporter.Refuse(keyporter.Conflict, "Someone else has changed this user’s roles in the meantime. Your changes weren’t saved. Review the current roles and try again.")
	}
	if h.after, err = pick(p.roles, in.RoleIDs); err != nil {
		return err
	}
	return p.check(ctx, q)
}

// planFor begins the plan of a change to a user whom the actor may change.
func planFor(ctx context.Context, q reader, actor keyporter.Actor, id keyporter.ID) (plan, error) {
	u, err := q.UserByID(ctx, id)
	if err != nil {
		return plan{}, missing(err, "user")
	}
	p, err := newPlan(ctx, q, actor, u.OrganizationID, keyporter.PermissionManageUsers)
	if err != nil {
		return p, missing(err, "user")
	}
	h := holder{User: u, before: p.rolesOf(u)}
	h.after = h.before
	p.holders = []holder{h}
	return p, p.authority.mayChange(u, h.before)
}

// changeUser makes one change to a user whom the actor may change, while nobody else
// changes what users of his organization hold. Without a name in the event nothing
// changed and none is written.
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
