package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AppointOperator lets a user run the instance. It is for operators; one who is an operator stays so.
func (c *Control) AppointOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOperator(ctx, actor, id, true)
}

// DismissOperator ends that a user runs the instance; they keep their roles. It is for operators,
// and none can do it to themselves: so there is always one.
func (c *Control) DismissOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOperator(ctx, actor, id, false)
}

func (c *Control) changeOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID, on bool) error {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return missing(err, "user")
	}
	// Two operators who dismiss each other may be of two organizations. Both lock both of
	// them, in one order, and the second finds that they are no operator any more.
	organizations := []keyporter.ID{u.OrganizationID}
	if own := actor.User.OrganizationID; own != "" {
		organizations = append(organizations, own)
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		for _, o := range distinct(organizations) {
			if err := tx.LockOrganization(ctx, o); err != nil {
				return missing(err, "user")
			}
		}
		if err := mayOperateOn(ctx, tx, actor, u, on); err != nil {
			return err
		}
		changed, err := tx.SetUserOperator(ctx, id, on)
		if err != nil || !changed {
			return err
		}
		name := keyporter.EventUserDismiss
		if on {
			name = keyporter.EventUserAppoint
			if err := tx.EndSetupLinks(ctx); err != nil { // they are for the first one, and may stand in a log
				return err
			}
		}
		return tx.InsertEvent(ctx, c.userEvent(name, actor, u))
	})
}

func mayOperateOn(ctx context.Context, q reader, actor keyporter.Actor, u keyporter.User, on bool) error {
	a, err := authorityIn(ctx, q, actor, u.OrganizationID)
	switch {
	case err != nil:
		return missing(err, "user")
	case !a.operates:
		return operatorsOnly()
	case !on && u.ID == actor.User.ID:
		return keyporter.Refuse(keyporter.Forbidden, "You can’t remove yourself as an operator. Another operator can.")
	}
	return nil
}
