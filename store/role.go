package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// InsertRole writes a new custom role. If the name is taken in the organization, the error is a
// Conflict.
func (tx *Tx) InsertRole(ctx context.Context, r keyporter.Role, createdAt time.Time) error {
	_, err := tx.exec(ctx, `
		INSERT INTO roles (id, organization_id, name, name_key, created_at)
		VALUES ($1, $2, $3, $4, $5)`, r.ID, r.OrganizationID, r.Name, names.Key(r.Name), millis(createdAt))
	if err != nil {
		return fmt.Errorf("insert role: %w", explain(err))
	}
	return tx.insertEffects(ctx, r)
}

func (tx *Tx) insertEffects(ctx context.Context, r keyporter.Role) error {
	for p, effect := range r.Effects {
		_, err := tx.exec(ctx, `INSERT INTO role_effects (role_id, permission, effect) VALUES ($1, $2, $3)`, r.ID, p, effect)
		if err != nil {
			return fmt.Errorf("insert effect of role: %w", explain(err))
		}
	}
	return nil
}

// UpdateRole gives a role a new name and new effects, and raises its version. If the role is no
// longer at r.Version, the error is NotFound. If the name is taken, it is a Conflict.
func (tx *Tx) UpdateRole(ctx context.Context, r keyporter.Role) error {
	err := tx.execOrNotFound(ctx, `UPDATE roles SET name = $3, name_key = $4, version = version + 1 WHERE id = $1 AND version = $2`,
		r.ID, r.Version, r.Name, names.Key(r.Name))
	if err != nil {
		return fmt.Errorf("update role: %w", err)
	}
	if _, err := tx.exec(ctx, `DELETE FROM role_effects WHERE role_id = $1`, r.ID); err != nil {
		return explain(err)
	}
	return tx.insertEffects(ctx, r)
}

// DeleteRole takes a role from its holders and deletes it. If the role is no longer at version,
// the error is NotFound.
func (tx *Tx) DeleteRole(ctx context.Context, r keyporter.Role, version int) error {
	if err := tx.execOrNotFound(ctx, `DELETE FROM roles WHERE id = $1 AND version = $2`, r.ID, version); err != nil {
		return fmt.Errorf("delete role: %w", err)
	}
	sets, err := tx.queries.RoleSets(ctx, r.OrganizationID) // as they are stored, because that is what changes here
	if err != nil {
		return err
	}
	for _, s := range sets {
		if !s.Has(r.ID) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(s.RoleIDs), func(id keyporter.ID) bool { return id == r.ID })
		if _, err := tx.exec(ctx, `UPDATE users SET role_ids = $3 WHERE organization_id = $1 AND role_ids = $2`, r.OrganizationID, joinIDs(s.RoleIDs), joinIDs(others)); err != nil {
			return explain(err)
		}
	}
	_, err = tx.exec(ctx, `DELETE FROM user_roles WHERE role_id = $1`, r.ID)
	return explain(err)
}

const roleColumns = `r.id, r.organization_id, r.name, r.version`

// RoleByID returns a custom role.
func (q queries) RoleByID(ctx context.Context, id keyporter.ID) (keyporter.Role, error) {
	r, err := one(ctx, q.q, scanRole, `SELECT `+roleColumns+` FROM roles r WHERE r.id = $1`, id)
	if err != nil {
		return r, fmt.Errorf("find role: %w", err)
	}
	roles := []keyporter.Role{r}
	err = q.addEffects(ctx, roles, `role_id = $1`, id)
	return roles[0], err
}

// RolesIn returns the custom roles of an organization, ordered by name. They aren't paged, because
// there are few: see control.MaxRoles.
func (q queries) RolesIn(ctx context.Context, organization keyporter.ID) ([]keyporter.Role, error) {
	roles, err := list(ctx, q.q, scanRole, `
		SELECT `+roleColumns+` FROM roles r WHERE r.organization_id = $1 ORDER BY r.name_key, r.id`, organization)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return roles, q.addEffects(ctx, roles, `role_id IN (SELECT id FROM roles WHERE organization_id = $1)`, organization)
}

// RolesOf returns the roles a user holds, predefined ones first.
func (q queries) RolesOf(ctx context.Context, user keyporter.ID) ([]keyporter.Role, error) {
	ids, err := q.roleIDsOf(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("find roles of user: %w", err)
	}
	return q.RolesByID(ctx, ids)
}

// RolesByID returns roles, predefined ones first. It leaves out IDs that no role has.
func (q queries) RolesByID(ctx context.Context, ids []keyporter.ID) (roles []keyporter.Role, err error) {
	var others []keyporter.ID
	for _, id := range ids {
		if r, ok := keyporter.PredefinedRole(id); ok {
			roles = append(roles, r)
		} else {
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return roles, nil
	}
	marks, args := placeholders(others)
	custom, err := list(ctx, q.q, scanRole, `SELECT `+roleColumns+` FROM roles r WHERE r.id IN `+marks+` ORDER BY r.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("find roles: %w", err)
	}
	err = q.addEffects(ctx, custom, `role_id IN `+marks, args...)
	return append(roles, custom...), err
}

func (q queries) roleIDsOf(ctx context.Context, user keyporter.ID) ([]keyporter.ID, error) {
	return list(ctx, q.q, scanString[keyporter.ID], `SELECT role_id FROM user_roles WHERE user_id = $1 ORDER BY role_id`, user)
}

// addEffects fills in the effects of roles. condition selects the rows to read.
func (q queries) addEffects(ctx context.Context, roles []keyporter.Role, condition string, args ...any) error {
	type row struct {
		role       keyporter.ID
		permission keyporter.Permission
		effect     keyporter.Effect
	}
	scan := func(s scanner) (r row, err error) { return r, s.Scan(&r.role, &r.permission, &r.effect) }
	all, err := list(ctx, q.q, scan, `SELECT role_id, permission, effect FROM role_effects WHERE `+condition+` ORDER BY role_id, permission`, args...)
	if err != nil {
		return fmt.Errorf("find effects of roles: %w", err)
	}
	effects := map[keyporter.ID]map[keyporter.Permission]keyporter.Effect{}
	for i := range roles {
		roles[i].Effects = map[keyporter.Permission]keyporter.Effect{}
		effects[roles[i].ID] = roles[i].Effects
	}
	for _, e := range all {
		if of := effects[e.role]; of != nil {
			of[e.permission] = e.effect
		}
	}
	return nil
}

func scanRole(row scanner) (r keyporter.Role, err error) {
	return r, row.Scan(&r.ID, &r.OrganizationID, &r.Name, &r.Version)
}
