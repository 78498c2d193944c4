package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AppointOperator lets a user run the instance. It is for operators who have just signed in. If the user is one
// already, nothing changes.
func (c *Control) AppointOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOperator(ctx, actor, id, true)
}

// DismissOperator stops a user from running the instance; they keep their roles. It is for
// operators. None can dismiss themselves, so there is always at least one.
func (c *Control) DismissOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOperator(ctx, actor, id, false)
}

func (c *Control) changeOperator(ctx context.Context, actor keyporter.Actor, id keyporter.ID, on bool) error {
	u, err := c.db.UserByID(ctx, id)
	if err != nil {
		return missing(err, "user")
	}
	// Two operators who dismiss each other may belong to two organizations. Each transaction
	// locks both, in the same order, and the second one finds that its actor is no longer an
	// operator.
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
		if err := c.mustBeFresh(actor); err != nil {
			return err
		}
		changed, err := tx.SetUserOperator(ctx, id, on)
		if err != nil || !changed {
			return err
		}
		if err := letsOperatorsIn(ctx, tx, u.OrganizationID); err != nil {
			return err
		}
		name := keyporter.EventUserDismiss
		if on {
			name = keyporter.EventUserAppoint
			if err := tx.EndSetupLinks(ctx); err != nil { // they are for the first operator, and may be in a log
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
		return keyporter.OperatorsOnly()
	case !on && u.ID == actor.User.ID:
		return keyporter.Refuse(keyporter.Forbidden, "You can’t remove yourself as an operator. Another operator can.")
	}
	return nil
}
