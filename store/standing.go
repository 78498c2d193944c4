package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// Standing is what decides whether a user can use the APIs, apart from their organization.
type Standing struct {
	UserID           keyporter.ID
	Login            string
	UserActive       bool
	Granted, Blocked bool // one of their roles grants api.use; one of them blocks it
	BlockedBy        []keyporter.Ref
}

// standingColumns selects the Standing of the user u, who may be missing. $1 is the permission
// api.use.
const standingColumns = `
	coalesce(u.id, ''), coalesce(u.login, ''), coalesce(u.active, FALSE),
	coalesce((SELECT string_agg(ur.role_id, ' ') FROM user_roles ur WHERE ur.user_id = u.id), ''),
	coalesce((SELECT max(e.effect) FROM user_roles ur JOIN role_effects e ON e.role_id = ur.role_id
		WHERE ur.user_id = u.id AND e.permission = $1), 0),
	coalesce((SELECT min(e.effect) FROM user_roles ur JOIN role_effects e ON e.role_id = ur.role_id
		WHERE ur.user_id = u.id AND e.permission = $1), 0)`

// standingRow holds the values that standingColumns selects.
type standingRow struct {
	Standing
	roles           string
	highest, lowest keyporter.Effect
}

func (s *standingRow) dest() []any {
	return []any{&s.UserID, &s.Login, &s.UserActive, &s.roles, &s.highest, &s.lowest}
}

func (s *standingRow) standing() Standing {
	s.Granted, s.Blocked = s.highest == keyporter.EffectGrant, s.lowest == keyporter.EffectBlock
	for id := range strings.FieldsSeq(s.roles) {
		r, _ := keyporter.PredefinedRole(keyporter.ID(id))
		s.Granted = s.Granted || r.Effects[keyporter.PermissionUseAPI] == keyporter.EffectGrant
	}
	return s.Standing
}

// StandingByLogin returns the Standing of the user with this login name, compared by names.Key. If
// they aren't in the organization, the error is NotFound.
func (q queries) StandingByLogin(ctx context.Context, organization keyporter.ID, login string) (Standing, error) {
	scan := func(row scanner) (s standingRow, err error) { return s, row.Scan(s.dest()...) }
	row, err := one(ctx, q.q, scan, `SELECT `+standingColumns+`
		FROM users u WHERE u.login_key = $2 AND u.organization_id = $3`,
		keyporter.PermissionUseAPI, names.Key(login), organization)
	if err != nil {
		return Standing{}, fmt.Errorf("find named user: %w", err)
	}
	s := row.standing()
	return s, q.nameBlockers(ctx, &s)
}

// nameBlockers fills in the roles that block. It is a separate query, because few users have one.
func (q queries) nameBlockers(ctx context.Context, s *Standing) error {
	if !s.Blocked {
		return nil
	}
	roles, err := q.RolesOf(ctx, s.UserID)
	s.BlockedBy = keyporter.RoleRefs(keyporter.Resolve(roles, keyporter.PermissionUseAPI).Blocking)
	return err
}
