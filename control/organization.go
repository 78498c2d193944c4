package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// CreateOrganization adds an organization with the flags that a new one has.
func (c *Control) CreateOrganization(ctx context.Context, actor keyporter.Actor, name string) (keyporter.Organization, error) {
	if err := operators(actor); err != nil {
		return keyporter.Organization{}, err
	}
	o, err := c.newOrganization(name)
	if err != nil {
		return o, err
	}
	err = c.db.Do(ctx, func(tx *store.Tx) error { return c.insertOrganization(ctx, tx, actor, o) })
	return o, err
}

func (c *Control) newOrganization(name string) (keyporter.Organization, error) {
	name, err := keyporter.ParseName(name)
	if err != nil {
		return keyporter.Organization{}, keyporter.InvalidField("organization", keyporter.MessageOf(err))
	}
	now := c.now()
	o := keyporter.Organization{ID: keyporter.NewID(now), Name: name, Active: true, CreatedAt: now}
	for _, f := range keyporter.Flags() {
		if f.Default {
			o.Flags = append(o.Flags, f.Flag)
		}
	}
	return o, nil
}

func (c *Control) insertOrganization(ctx context.Context, tx *store.Tx, actor keyporter.Actor, o keyporter.Organization) error {
	err := tx.InsertOrganization(ctx, o)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return &keyporter.Error{Kind: keyporter.Conflict, Field: "organization", Message: "There is an organization of this name already."}
	}
	if err != nil {
		return err
	}
	return tx.InsertEvent(ctx, c.organizationEvent(keyporter.EventOrganizationCreate, actor, o.ID, "name", o.Name))
}

// EnableOrganization ends the suspension of an organization.
func (c *Control) EnableOrganization(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventOrganizationEnable, actor, id, "", ""),
		func(tx *store.Tx) error { return tx.SetOrganizationActive(ctx, id, true) })
}

// DisableOrganization suspends an organization: nobody of it signs in and none of its tokens works.
func (c *Control) DisableOrganization(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventOrganizationDisable, actor, id, "", ""),
		func(tx *store.Tx) error { return tx.SetOrganizationActive(ctx, id, false) })
}

// GrantFlag grants a feature to an organization.
func (c *Control) GrantFlag(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag) error {
	if !f.Valid() {
		return keyporter.InvalidField("flag", "There is no feature “"+string(f)+"”.")
	}
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventFlagGrant, actor, id, "flag", string(f)),
		func(tx *store.Tx) error { return tx.GrantFlag(ctx, id, f) })
}

// WithdrawFlag takes a feature from an organization.
func (c *Control) WithdrawFlag(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag) error {
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventFlagWithdraw, actor, id, "flag", string(f)),
		func(tx *store.Tx) error { return tx.WithdrawFlag(ctx, id, f) })
}

func (c *Control) changeOrganization(ctx context.Context, actor keyporter.Actor, e keyporter.Event, change func(*store.Tx) error) error {
	if err := operators(actor); err != nil {
		return err
	}
	return c.db.Do(ctx, func(tx *store.Tx) error {
		_, err := tx.OrganizationByID(ctx, e.OrganizationID)
		if keyporter.KindOf(err) == keyporter.NotFound {
			return notFound("organization")
		}
		if err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
}

// OrganizationByName returns an organization of the instance.
func (c *Control) OrganizationByName(ctx context.Context, actor keyporter.Actor, name string) (keyporter.Organization, error) {
	if err := operators(actor); err != nil {
		return keyporter.Organization{}, err
	}
	o, err := c.db.OrganizationByName(ctx, name)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return o, notFound("organization")
	}
	return o, err
}

// Organization returns the organization of the actor.
func (c *Control) Organization(ctx context.Context, actor keyporter.Actor) (keyporter.Organization, error) {
	return c.db.OrganizationByID(ctx, actor.User.OrganizationID)
}

func (c *Control) organizationEvent(name keyporter.EventName, actor keyporter.Actor, id keyporter.ID, key, value string) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID = id
	if key != "" {
		e.Detail = map[string]string{key: value}
	}
	return e
}
