package store

import (
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
)

// InsertOrganization writes a new organization with its flags. A name that is taken is a Conflict.
func (tx *Tx) InsertOrganization(ctx context.Context, o keyporter.Organization) error {
	_, err := tx.exec(ctx, `
		INSERT INTO organizations (id, name, name_key, active, created_at)
		VALUES ($1, $2, $3, $4, $5)`,
		o.ID, o.Name, keyporter.Fold(o.Name), o.Active, millis(o.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert organization: %w", explain(err))
	}
	for _, f := range o.Flags {
		if err := tx.GrantFlag(ctx, o.ID, f); err != nil {
			return err
		}
	}
	return nil
}

// SetOrganizationActive suspends an organization or ends the suspension.
func (tx *Tx) SetOrganizationActive(ctx context.Context, id keyporter.ID, active bool) error {
	return tx.must(ctx, `UPDATE organizations SET active = $2 WHERE id = $1`, id, active)
}

// GrantFlag grants a flag to an organization; one that it has it keeps.
func (tx *Tx) GrantFlag(ctx context.Context, organization keyporter.ID, f keyporter.Flag) error {
	_, err := tx.exec(ctx, `
		INSERT INTO organization_flags (organization_id, flag) VALUES ($1, $2)
		ON CONFLICT (organization_id, flag) DO NOTHING`, organization, f)
	return explain(err)
}

// WithdrawFlag takes a flag from an organization.
func (tx *Tx) WithdrawFlag(ctx context.Context, organization keyporter.ID, f keyporter.Flag) error {
	_, err := tx.exec(ctx, `DELETE FROM organization_flags WHERE organization_id = $1 AND flag = $2`, organization, f)
	return explain(err)
}

// OrganizationByID returns an organization with its flags.
func (q queries) OrganizationByID(ctx context.Context, id keyporter.ID) (keyporter.Organization, error) {
	return q.organization(ctx, `SELECT id, name, active, created_at FROM organizations WHERE id = $1`, id)
}

// OrganizationByName returns the organization of that name, letter case ignored.
func (q queries) OrganizationByName(ctx context.Context, name string) (keyporter.Organization, error) {
	return q.organization(ctx, `SELECT id, name, active, created_at FROM organizations WHERE name_key = $1`, keyporter.Fold(name))
}

func (q queries) organization(ctx context.Context, query string, arg any) (keyporter.Organization, error) {
	o, err := one(ctx, q.q, scanOrganization, query, arg)
	if err != nil {
		return o, fmt.Errorf("find organization: %w", err)
	}
	o.Flags, err = list(ctx, q.q, scanString[keyporter.Flag], `
		SELECT flag FROM organization_flags WHERE organization_id = $1 ORDER BY flag`, o.ID)
	return o, err
}

func scanOrganization(row scanner) (o keyporter.Organization, err error) {
	var created int64
	err = row.Scan(&o.ID, &o.Name, &o.Active, &created)
	o.CreatedAt = fromMillis(created)
	return o, err
}
