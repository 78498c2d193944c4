package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// InsertOrganization writes a new organization with its flags. If the name is taken, the error is
// a Conflict.
func (tx *Tx) InsertOrganization(ctx context.Context, o keyporter.Organization) error {
	_, err := tx.exec(ctx, `
		INSERT INTO organizations (id, name, name_key, active, created_at)
		VALUES ($1, $2, $3, $4, $5)`,
		o.ID, o.Name, names.Key(o.Name), o.Active, millis(o.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert organization: %w", explain(err))
	}
	for _, f := range o.Flags {
		if _, err := tx.GrantFlag(ctx, o.ID, f); err != nil {
			return err
		}
	}
	return nil
}

// LockOrganization makes other transactions that lock the organization wait until this one ends.
// Lock it before you read anything to change what its users hold: otherwise two administrators
// who remove each other at the same moment would both still see one left.
func (tx *Tx) LockOrganization(ctx context.Context, id keyporter.ID) error {
	return tx.execOrNotFound(ctx, `UPDATE organizations SET active = active WHERE id = $1`, id)
}

// SetOrganizationActive suspends an organization or ends the suspension, and reports whether
// that changed anything.
func (tx *Tx) SetOrganizationActive(ctx context.Context, id keyporter.ID, active bool) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE organizations SET active = $2 WHERE id = $1 AND active <> $2`, id, active)
	return n > 0, explain(err)
}

const organizationColumns = `id, name, active, created_at,
	coalesce((SELECT string_agg(f.flag, ' ') FROM organization_flags f WHERE f.organization_id = organizations.id), '')`

// OrganizationByID returns an organization with its flags.
func (q queries) OrganizationByID(ctx context.Context, id keyporter.ID) (keyporter.Organization, error) {
	return q.organization(ctx, `SELECT `+organizationColumns+` FROM organizations WHERE id = $1`, id)
}

// OrganizationByName returns the organization with this name, compared by names.Key.
func (q queries) OrganizationByName(ctx context.Context, name string) (keyporter.Organization, error) {
	return q.organization(ctx, `SELECT `+organizationColumns+` FROM organizations WHERE name_key = $1`, names.Key(name))
}

func (q queries) organization(ctx context.Context, query string, arg any) (keyporter.Organization, error) {
	o, err := one(ctx, q.q, scanOrganization, query, arg)
	if err != nil {
		return o, fmt.Errorf("find organization: %w", err)
	}
	return o, nil
}

// Organizations returns the organizations whose name contains match, ordered by name: up to
// limit, following the organization after (empty: start with the first).
func (q queries) Organizations(ctx context.Context, match string, after keyporter.ID, limit int) ([]keyporter.Organization, error) {
	all, err := list(ctx, q.q, scanOrganization, `
		SELECT `+organizationColumns+` FROM organizations
		WHERE name_key LIKE $1 ESCAPE '\' AND ($2 = '' OR name_key > (SELECT a.name_key FROM organizations a WHERE a.id = $2))
		ORDER BY name_key
		LIMIT $3`, contains(match), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list organizations: %w", err)
	}
	return all, nil
}

// OrganizationNames returns the names of organizations. IDs that no organization has aren't in
// the map.
func (q queries) OrganizationNames(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]string, error) {
	type row struct {
		id   keyporter.ID
		name string
	}
	scan := func(s scanner) (r row, err error) { return r, s.Scan(&r.id, &r.name) }
	rows, err := listByID(ctx, q.q, scan, `SELECT id, name FROM organizations WHERE id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find names of organizations: %w", err)
	}
	names := make(map[keyporter.ID]string, len(rows))
	for _, r := range rows {
		names[r.id] = r.name
	}
	return names, nil
}

// UserCount is how many users an organization has.
type UserCount struct {
	OrganizationID keyporter.ID
	All, Active    int
}

// CountUsers counts the users of organizations. Those without any aren't in the map.
func (q queries) CountUsers(ctx context.Context, organizations []keyporter.ID) (map[keyporter.ID]UserCount, error) {
	scan := func(s scanner) (c UserCount, err error) { return c, s.Scan(&c.OrganizationID, &c.All, &c.Active) }
	counts, err := listByID(ctx, q.q, scan, `
		SELECT organization_id, count(*), sum(CASE WHEN active THEN 1 ELSE 0 END)
		FROM users
		WHERE organization_id IN ($ids)
		GROUP BY organization_id`, organizations)
	if err != nil {
		return nil, fmt.Errorf("count users: %w", err)
	}
	return byID(counts, func(c UserCount) keyporter.ID { return c.OrganizationID }), nil
}

func scanOrganization(row scanner) (o keyporter.Organization, err error) {
	var created int64
	var flags string
	err = row.Scan(&o.ID, &o.Name, &o.Active, &created, &flags)
	o.CreatedAt = fromMillis(created)
	for f := range strings.FieldsSeq(flags) {
		o.Flags = append(o.Flags, keyporter.Flag(f))
	}
	slices.Sort(o.Flags)
	return o, err
}
