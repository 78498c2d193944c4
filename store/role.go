package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// InsertRole writes a new custom role. A name that is taken in the organization is a Conflict.
func (tx *Tx) InsertRole(ctx context.Context, r keyporter.Role, createdAt time.Time) error {
	_, err := tx.exec(ctx, `
		INSERT INTO roles (id, organization_id, name, name_key, created_at)
		VALUES ($1, $2, $3, $4, $5)`, r.ID, r.OrganizationID, r.Name, keyporter.Fold(r.Name), millis(createdAt))
	if err != nil {
		return fmt.Errorf("insert role: %w", explain(err))
	}
	for p, effect := range r.Effects {
		_, err := tx.exec(ctx, `INSERT INTO role_effects (role_id, permission, effect) VALUES ($1, $2, $3)`, r.ID, p, effect)
		if err != nil {
			return fmt.Errorf("insert effect of role: %w", explain(err))
		}
	}
	return nil
}

// RolesOf returns the roles that a user holds, predefined ones first.
func (q queries) RolesOf(ctx context.Context, user keyporter.ID) ([]keyporter.Role, error) {
	ids, err := q.roleIDsOf(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("find roles of user: %w", err)
	}
	var roles []keyporter.Role
	for _, id := range ids {
		if r, ok := keyporter.PredefinedRole(id); ok {
			roles = append(roles, r)
		}
	}
	custom, err := list(ctx, q.q, scanRole, `
		SELECT r.id, r.organization_id, r.name
		FROM user_roles ur JOIN roles r ON r.id = ur.role_id
		WHERE ur.user_id = $1
		ORDER BY r.id`, user)
	if err != nil {
		return nil, fmt.Errorf("find custom roles of user: %w", err)
	}
	for i := range custom {
		if custom[i].Effects, err = q.effectsOf(ctx, custom[i].ID); err != nil {
			return nil, err
		}
	}
	return append(roles, custom...), nil
}

func (q queries) effectsOf(ctx context.Context, role keyporter.ID) (map[keyporter.Permission]keyporter.Effect, error) {
	type effect struct {
		permission keyporter.Permission
		effect     keyporter.Effect
	}
	scan := func(row scanner) (e effect, err error) { return e, row.Scan(&e.permission, &e.effect) }
	all, err := list(ctx, q.q, scan, `SELECT permission, effect FROM role_effects WHERE role_id = $1 ORDER BY permission`, role)
	effects := make(map[keyporter.Permission]keyporter.Effect, len(all))
	for _, e := range all {
		effects[e.permission] = e.effect
	}
	return effects, err
}

func scanRole(row scanner) (r keyporter.Role, err error) {
	return r, row.Scan(&r.ID, &r.OrganizationID, &r.Name)
}
