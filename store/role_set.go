package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// RoleSet is a set of roles, and how many users of an organization hold exactly these. Questions about
// everyone in an organization are answered for each of its few sets instead of for each user.
type RoleSet struct {
	RoleIDs []keyporter.ID // sorted
	Users   int
	Active  int // of them
}

// Has reports whether the role is in the set.
func (s RoleSet) Has(role keyporter.ID) bool { return slices.Contains(s.RoleIDs, role) }

// heldRoles is what users.role_ids should be. The previous release, which may be running or have run on
// this database, writes only user_roles.
const heldRoles = `coalesce((SELECT string_agg(role_id, ' ' ORDER BY role_id) FROM user_roles WHERE user_id = users.id), '')`

// RoleSets returns the sets of roles that the users of an organization hold. It takes the same time however
// many users there are, and may be an hour behind the previous release: see Tx.RoleSets.
func (q queries) RoleSets(ctx context.Context, organization keyporter.ID) ([]RoleSet, error) {
	return q.roleSets(ctx, `
		SELECT role_ids, active, count(*) FROM users WHERE organization_id = $1 GROUP BY role_ids, active ORDER BY role_ids, active`, organization)
}

// RoleSets returns the sets of roles that the users of an organization hold, by the roles themselves:
// whether a change is allowed may depend on it.
func (tx *Tx) RoleSets(ctx context.Context, organization keyporter.ID) ([]RoleSet, error) {
	return tx.roleSets(ctx, `
		SELECT held, active, count(*) FROM (SELECT `+heldRoles+` AS held, active FROM users WHERE organization_id = $1) AS u
		GROUP BY held, active ORDER BY held, active`, organization)
}

func (q queries) roleSets(ctx context.Context, query string, organization keyporter.ID) ([]RoleSet, error) {
	type row struct {
		ids    string
		active bool
		n      int
	}
	scan := func(s scanner) (r row, err error) { return r, s.Scan(&r.ids, &r.active, &r.n) }
	rows, err := list(ctx, q.q, scan, query, organization)
	if err != nil {
		return nil, fmt.Errorf("count users by their roles: %w", err)
	}
	var sets []RoleSet
	for i, r := range rows {
		if i == 0 || rows[i-1].ids != r.ids {
			sets = append(sets, RoleSet{RoleIDs: splitIDs(r.ids)})
		}
		s := &sets[len(sets)-1]
		if s.Users += r.n; r.active {
			s.Active += r.n
		}
	}
	return sets, nil
}

// joinIDs returns what splitIDs splits.
func joinIDs(ids []keyporter.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// renewRoleSets stores the roles of users whom the previous release has given others.
func (db *DB) renewRoleSets(ctx context.Context) error {
	stale, err := list(ctx, db.q, scanString[keyporter.ID], `SELECT id FROM users WHERE role_ids <> `+heldRoles)
	for some := range slices.Chunk(stale, pruneRows) {
		if err == nil {
			marks, args := placeholders(some)
			err = db.Do(ctx, func(tx *Tx) error {
				_, err := tx.exec(ctx, `UPDATE users SET role_ids = `+heldRoles+` WHERE id IN `+marks, args...)
				return err
			})
		}
	}
	if err != nil {
		return fmt.Errorf("renew the roles that users are found by: %w", explain(err))
	}
	return nil
}
