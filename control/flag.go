package control

import (
	"context"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// GrantFlag grants a feature to an organization. If it already has it, nothing changes.
func (c *Control) GrantFlag(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag) error {
	return c.changeFlag(ctx, actor, id, f, keyporter.EventFlagGrant)
}

// WithdrawFlag withdraws a feature from an organization.
func (c *Control) WithdrawFlag(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag) error {
	return c.changeFlag(ctx, actor, id, f, keyporter.EventFlagWithdraw)
}

func (c *Control) changeFlag(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag, name keyporter.EventName) error {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return err
	}
	if !f.Valid() {
		return noFlag(f)
	}
	e := c.organizationEvent(name, actor, id, "flag", string(f))
	return c.changeOrganization(ctx, actor, e, func(tx *store.Tx) (bool, error) {
		if name == keyporter.EventFlagGrant {
			return tx.GrantFlag(ctx, id, f)
		}
		return tx.WithdrawFlag(ctx, id, f)
	})
}

func noFlag(f keyporter.Flag) error {
	all := make([]string, len(keyporter.Flags()))
	for i, info := range keyporter.Flags() {
		all[i] = string(info.Flag)
	}
	return keyporter.InvalidField("flag", "There is no feature “"+text(string(f), keyporter.MaxNameLen)+"”. The features are "+strings.Join(all, ", ")+".")
}
