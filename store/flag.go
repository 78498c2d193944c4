package store

import (
	"context"

	"github.com/keyporter/keyporter"
)

// GrantFlag grants a flag to an organization and reports whether that changed anything.
func (tx *Tx) GrantFlag(ctx context.Context, organization keyporter.ID, f keyporter.Flag) (changed bool, err error) {
	n, err := tx.exec(ctx, `
		INSERT INTO organization_flags (organization_id, flag) VALUES ($1, $2)
		ON CONFLICT (organization_id, flag) DO NOTHING`, organization, f)
	return n > 0, explain(err)
}

// WithdrawFlag withdraws a flag from an organization and reports whether that changed anything.
func (tx *Tx) WithdrawFlag(ctx context.Context, organization keyporter.ID, f keyporter.Flag) (changed bool, err error) {
	n, err := tx.exec(ctx, `DELETE FROM organization_flags WHERE organization_id = $1 AND flag = $2`, organization, f)
	return n > 0, explain(err)
}
