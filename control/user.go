package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// NewUser is the input of CreateUser.
type NewUser struct {
	OrganizationID keyporter.ID
	Login          string
	Password       string
	Operator       bool
	RoleIDs        []keyporter.ID // of predefined roles
}

// CreateUser adds an active user.
func (c *Control) CreateUser(ctx context.Context, actor keyporter.Actor, in NewUser) (keyporter.User, error) {
	if err := operators(actor); err != nil {
		return keyporter.User{}, err
	}
	u, hash, err := c.newUser(ctx, in)
	if err != nil {
		return keyporter.User{}, err
	}
	err = c.db.Do(ctx, func(tx *store.Tx) error { return c.insertUser(ctx, tx, actor, u, hash) })
	return u, err
}

// newUser checks the input of a new user and hashes his password.
func (c *Control) newUser(ctx context.Context, in NewUser) (u keyporter.User, hash string, err error) {
	now := c.now()
	u = keyporter.User{ID: keyporter.NewID(now), OrganizationID: in.OrganizationID, Operator: in.Operator, Active: true, RoleIDs: in.RoleIDs, CreatedAt: now}
	if u.Login, err = keyporter.ParseLogin(in.Login); err != nil {
		return u, "", err
	}
	if err := checkPassword(in.Password); err != nil {
		return u, "", err
	}
	if err := checkRoles(in.RoleIDs); err != nil {
		return u, "", err
	}
	hash, err = c.hashPassword(ctx, in.Password)
	return u, hash, err
}

func checkRoles(ids []keyporter.ID) error {
	for _, id := range ids {
		if _, ok := keyporter.PredefinedRole(id); !ok {
			return keyporter.InvalidField("role", "There is no role “"+string(id)+"”.")
		}
	}
	return nil
}

func (c *Control) insertUser(ctx context.Context, tx *store.Tx, actor keyporter.Actor, u keyporter.User, hash string) error {
	err := tx.InsertUser(ctx, u, hash)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return &keyporter.Error{Kind: keyporter.Conflict, Field: "login", Message: "There is a user with this login name already."}
	}
	if err != nil {
		return err
	}
	return tx.InsertEvent(ctx, c.userEvent(keyporter.EventUserCreate, actor, u))
}

// EnableUser lets a user sign in, and his tokens work.
func (c *Control) EnableUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeUser(ctx, actor, id, keyporter.EventUserEnable, func(tx *store.Tx) error {
		return tx.SetUserActive(ctx, id, true)
	})
}

// DisableUser ends a user's sessions and keeps his tokens from working.
func (c *Control) DisableUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeUser(ctx, actor, id, keyporter.EventUserDisable, func(tx *store.Tx) error {
		if err := tx.SetUserActive(ctx, id, false); err != nil {
			return err
		}
		return tx.DeleteSessionsOf(ctx, id)
	})
}

// SetPassword gives a user another password and ends his sessions.
func (c *Control) SetPassword(ctx context.Context, actor keyporter.Actor, id keyporter.ID, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := c.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return c.changeUser(ctx, actor, id, keyporter.EventUserPassword, func(tx *store.Tx) error {
		if err := tx.SetPassword(ctx, id, hash); err != nil {
			return err
		}
		return tx.DeleteSessionsOf(ctx, id)
	})
}

// SetUserRoles gives a user these predefined roles and no others.
func (c *Control) SetUserRoles(ctx context.Context, actor keyporter.Actor, id keyporter.ID, roles []keyporter.ID) error {
	if err := checkRoles(roles); err != nil {
		return err
	}
	return c.changeUser(ctx, actor, id, keyporter.EventUserRoles, func(tx *store.Tx) error {
		return tx.SetUserRoles(ctx, id, roles)
	})
}

func (c *Control) changeUser(ctx context.Context, actor keyporter.Actor, id keyporter.ID, name keyporter.EventName, change func(*store.Tx) error) error {
	if err := operators(actor); err != nil {
		return err
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		u, err := tx.UserByID(ctx, id)
		if keyporter.KindOf(err) == keyporter.NotFound {
			return notFound("user")
		}
		if err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, c.userEvent(name, actor, u))
	})
}

// UserByLogin returns a user of the instance.
func (c *Control) UserByLogin(ctx context.Context, actor keyporter.Actor, login string) (keyporter.User, error) {
	if err := operators(actor); err != nil {
		return keyporter.User{}, err
	}
	u, err := c.db.UserByLogin(ctx, login)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return u, notFound("user")
	}
	return u, err
}

// Users returns users of the instance by age, a page of up to MaxPage, younger than the user after.
func (c *Control) Users(ctx context.Context, actor keyporter.Actor, after keyporter.ID) ([]keyporter.User, error) {
	if err := operators(actor); err != nil {
		return nil, err
	}
	return c.db.Users(ctx, after, MaxPage)
}

func (c *Control) userEvent(name keyporter.EventName, actor keyporter.Actor, u keyporter.User) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.UserID = u.OrganizationID, u.ID
	e.Detail = map[string]string{"login": u.Login}
	return e
}
