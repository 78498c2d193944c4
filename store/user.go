package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// InsertUser writes a new user with their roles. If the login name is taken, the error is a
// Conflict.
func (tx *Tx) InsertUser(ctx context.Context, u keyporter.User, passwordHash string) error {
	_, err := tx.exec(ctx, `
		INSERT INTO users (id, organization_id, login, login_key, password_hash, operator, active, created_at, role_ids)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		u.ID, u.OrganizationID, u.Login, names.Key(u.Login), passwordHash, u.Operator, u.Active, millis(u.CreatedAt), joinIDs(u.RoleIDs))
	if err != nil {
		return fmt.Errorf("insert user: %w", explain(err))
	}
	return tx.insertUserRoles(ctx, u.ID, u.RoleIDs)
}

// SetUserRoles gives a user exactly these roles.
func (tx *Tx) SetUserRoles(ctx context.Context, user keyporter.ID, roles []keyporter.ID) error {
	if _, err := tx.exec(ctx, `DELETE FROM user_roles WHERE user_id = $1`, user); err != nil {
		return explain(err)
	}
	if _, err := tx.exec(ctx, `UPDATE users SET role_ids = $2 WHERE id = $1`, user, joinIDs(roles)); err != nil {
		return explain(err)
	}
	return tx.insertUserRoles(ctx, user, roles)
}

func (tx *Tx) insertUserRoles(ctx context.Context, user keyporter.ID, roles []keyporter.ID) error {
	for _, r := range roles {
		if _, err := tx.exec(ctx, `INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2)`, user, r); err != nil {
			return fmt.Errorf("insert role of user: %w", explain(err))
		}
	}
	return nil
}

// SetUserActive switches a user on or off and reports whether that changed anything.
func (tx *Tx) SetUserActive(ctx context.Context, user keyporter.ID, active bool) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE users SET active = $2 WHERE id = $1 AND active <> $2`, user, active)
	return n > 0, explain(err)
}

// SetUserOperator sets whether a user is an operator, and reports whether that changed anything.
func (tx *Tx) SetUserOperator(ctx context.Context, user keyporter.ID, operator bool) (changed bool, err error) {
	n, err := tx.exec(ctx, `UPDATE users SET operator = $2 WHERE id = $1 AND operator <> $2`, user, operator)
	return n > 0, explain(err)
}

// SetPassword replaces a user's password hash.
func (tx *Tx) SetPassword(ctx context.Context, user keyporter.ID, hash string) error {
	return tx.execOrNotFound(ctx, `UPDATE users SET password_hash = $2 WHERE id = $1`, user, hash)
}

// RenewPassword replaces a user's password hash by another one of the same password. If it isn't
// hash anymore, the error is NotFound.
func (tx *Tx) RenewPassword(ctx context.Context, user keyporter.ID, hash, renewed string) error {
	return tx.execOrNotFound(ctx, `UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, user, hash, renewed)
}

// KeepPassword returns NotFound unless the user is active and has this password hash, and keeps
// both from changing until the transaction ends.
func (tx *Tx) KeepPassword(ctx context.Context, user keyporter.ID, hash string) error {
	return tx.execOrNotFound(ctx, `UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $2 AND active`, user, hash)
}

const userColumns = `id, organization_id, login, operator, active, created_at,
	coalesce((SELECT string_agg(ur.role_id, ' ') FROM user_roles ur WHERE ur.user_id = users.id), '')`

// UserByID returns a user with their roles.
func (q queries) UserByID(ctx context.Context, id keyporter.ID) (keyporter.User, error) {
	return q.user(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

// UsersByID returns users with their roles. IDs that nobody has aren't in the map.
func (q queries) UsersByID(ctx context.Context, ids []keyporter.ID) (map[keyporter.ID]keyporter.User, error) {
	users, err := listByID(ctx, q.q, scanUser, `SELECT `+userColumns+` FROM users WHERE id IN ($ids)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	return byID(users, func(u keyporter.User) keyporter.ID { return u.ID }), nil
}

// UserByLogin returns the user with this login name, compared by names.Key.
func (q queries) UserByLogin(ctx context.Context, login string) (keyporter.User, error) {
	return q.user(ctx, `SELECT `+userColumns+` FROM users WHERE login_key = $1`, names.Key(login))
}

func (q queries) user(ctx context.Context, query string, args ...any) (keyporter.User, error) {
	u, err := one(ctx, q.q, scanUser, query, args...)
	if err != nil {
		return u, fmt.Errorf("find user: %w", err)
	}
	return u, nil
}

// UserList selects users.
type UserList struct {
	OrganizationID keyporter.ID // empty: of the whole instance
	Match          string       // part of the login name; empty: any
	RoleSets       []RoleSet    // only users with exactly one of these sets of roles; nil: everyone
	After          keyporter.ID // the last user of the previous page; empty: start with the first
	Limit          int
}

// fewHolders is how many users of some RoleSets are sorted. If there are more, it takes less time to go through all
// users in the order of their logins until there are enough.
const fewHolders = 1000

// UsersOf returns users, ordered by login name.
func (q queries) UsersOf(ctx context.Context, l UserList) ([]keyporter.User, error) {
	condition, args := `TRUE`, []any{l.Limit}
	add := func(text string, arg any) {
		args = append(args, arg)
		condition += fmt.Sprintf(text, len(args))
	}
	sameOrganization := ``
	if l.OrganizationID != "" {
		add(` AND organization_id = $%d`, l.OrganizationID)
		sameOrganization = ` AND a.organization_id = $2` // otherwise, where a page begins would tell what other tenants' logins are
	}
	if part := contains(l.Match); strings.Contains(part, `\`) {
		add(` AND login_key LIKE $%d ESCAPE '\'`, part)
	} else if l.Match != "" {
		add(` AND login_key LIKE $%d`, part) // see hasPattern
	}
	if l.After != "" {
		add(` AND login_key > (SELECT a.login_key FROM users a WHERE a.id = $%d`+sameOrganization+`)`, l.After)
	}
	if l.RoleSets != nil {
		sets, n := []string{}, 0
		for _, s := range l.RoleSets {
			sets, n = append(sets, joinIDs(s.RoleIDs)), n+s.Users
		}
		if n == 0 {
			return nil, nil
		}
		column := `role_ids`
		if n > fewHolders {
			column = `role_ids || ''` // which has no index
		}
		var marks string
		marks, args = placeholders(sets, args...)
		condition += ` AND ` + column + ` IN ` + marks
	}
	return q.users(ctx, `
		SELECT `+userColumns+` FROM users
		WHERE `+condition+`
		ORDER BY login_key
		LIMIT $1`, args...)
}

// UsersByLogin returns the users with these login names, by names.Key of them.
func (q queries) UsersByLogin(ctx context.Context, logins []string) (map[string]keyporter.User, error) {
	all := map[string]keyporter.User{}
	for some := range slices.Chunk(logins, maxListed) {
		keys := make([]string, len(some))
		for i, l := range some {
			keys[i] = names.Key(l)
		}
		marks, args := placeholders(keys)
		users, err := q.users(ctx, `SELECT `+userColumns+` FROM users WHERE login_key IN `+marks, args...)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			all[names.Key(u.Login)] = u
		}
	}
	return all, nil
}

func (q queries) users(ctx context.Context, query string, args ...any) ([]keyporter.User, error) {
	users, err := list(ctx, q.q, scanUser, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// contains returns the LIKE pattern for a login or name key that contains part.
func contains(part string) string {
	return "%" + escapeLike(names.Key(part)) + "%"
}

// escapeLike returns a text as LIKE has to see it.
func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// PasswordHash returns a user's password hash, or "" if they have no password.
func (q queries) PasswordHash(ctx context.Context, user keyporter.ID) (string, error) {
	return one(ctx, q.q, scanString[string], `SELECT password_hash FROM users WHERE id = $1`, user)
}

// HasOperator reports whether the instance has an operator yet.
func (q queries) HasOperator(ctx context.Context) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM users WHERE operator`)
	return n > 0, err
}

func scanInt(row scanner) (n int, err error) {
	err = row.Scan(&n)
	return n, err
}

func scanUser(row scanner) (u keyporter.User, err error) {
	var created int64
	var roles string
	err = row.Scan(&u.ID, &u.OrganizationID, &u.Login, &u.Operator, &u.Active, &created, &roles)
	u.CreatedAt, u.RoleIDs = fromMillis(created), splitIDs(roles)
	return u, err
}

// splitIDs sorts the IDs that string_agg wrote into one text, in whatever order.
func splitIDs(text string) (ids []keyporter.ID) {
	for id := range strings.FieldsSeq(text) {
		ids = append(ids, keyporter.ID(id))
	}
	slices.Sort(ids)
	return ids
}
