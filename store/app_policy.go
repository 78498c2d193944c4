package store

import (
	"context"
	"fmt"

	"github.com/keyporter/keyporter"
)

// allowsApp reports whether users of the organization o may connect the app a.
const allowsApp = `o.apps = 'all' OR o.apps = 'listed'
	AND EXISTS (SELECT 1 FROM organization_apps l WHERE l.organization_id = o.id AND l.app_id = a.id)`

// AppPolicyOf returns which apps the users of an organization may connect and, with ListedApps,
// the list.
func (q queries) AppPolicyOf(ctx context.Context, organization keyporter.ID) (keyporter.AppPolicy, []keyporter.ID, error) {
	p, err := one(ctx, q.q, scanString[keyporter.AppPolicy], `SELECT apps FROM organizations WHERE id = $1`, organization)
	if err != nil {
		return "", nil, fmt.Errorf("find app policy: %w", err)
	}
	listed, err := list(ctx, q.q, scanString[keyporter.ID], `SELECT app_id FROM organization_apps WHERE organization_id = $1 ORDER BY app_id`, organization)
	return p, listed, err
}

// SetAppPolicy sets which apps the users of an organization may connect.
func (tx *Tx) SetAppPolicy(ctx context.Context, organization keyporter.ID, p keyporter.AppPolicy, listed []keyporter.ID) error {
	if err := tx.execOrNotFound(ctx, `UPDATE organizations SET apps = $2 WHERE id = $1`, organization, p); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `DELETE FROM organization_apps WHERE organization_id = $1`, organization); err != nil {
		return explain(err)
	}
	for _, id := range listed {
		if _, err := tx.exec(ctx, `INSERT INTO organization_apps (organization_id, app_id) VALUES ($1, $2)`, organization, id); err != nil {
			return fmt.Errorf("list app: %w", explain(err))
		}
	}
	return nil
}
