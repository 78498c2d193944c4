package store

import (
	"context"
	"database/sql"

	"github.com/keyporter/keyporter/names"
)

// named is a table whose rows have a unique name.
type named struct{ table, name, key, within string } // the columns of the name, its key, and within what it is unique

var hasNames = []named{
	{"organizations", "name", "name_key", "''"},
	{"users", "login", "login_key", "''"},
	{"roles", "name", "name_key", "organization_id"},
	{"tokens", "name", "name_key", "owner_id || ' ' || kind"},
}

// namedRow is a row of such a table.
type namedRow struct {
	id, name string
	place    place
}

// place is what only one row of a table can have.
type place struct{ within, key string }

// renewNameKeys stores the keys that names.Key returns today. If two names that used to differ
// are now the same, the one that already has the key keeps it, or else the older one. The other
// gets a key that nobody can enter, so a login name never finds the wrong user; renaming it ends
// that. The log names each of them.
func (db *DB) renewNameKeys(ctx context.Context, tx *sql.Tx) error {
	for _, n := range hasNames {
		stale, taken, err := n.stale(ctx, tx)
		if err != nil {
			return err
		}
		set := func(r namedRow, key string) error {
			_, err := tx.ExecContext(ctx, `UPDATE `+n.table+` SET `+n.key+` = $2 WHERE id = $1`, r.id, key) //nolint:gosec // the names in hasNames
			return err
		}
		for _, r := range stale { // first, because an old key can be another row's new one
			if err := set(r, unreachable(r.id)); err != nil {
				return err
			}
		}
		for _, r := range stale {
			if taken[r.place] {
				db.log.Warn("another one has the same name now, so this one has to be renamed", "table", n.table, "id", r.id, "name", r.name)
				continue
			}
			taken[r.place] = true
			if err := set(r, r.place.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// stale returns the rows whose stored key isn't that of their name, in the places they should
// have, and which of these places are taken by others.
func (n named) stale(ctx context.Context, tx *sql.Tx) (stale []namedRow, taken map[place]bool, err error) {
	taken = map[place]bool{}
	err = n.each(ctx, tx, func(r namedRow) {
		if key := names.Key(r.name); key != r.place.key {
			r.place.key = key
			stale, taken[r.place] = append(stale, r), false
		}
	})
	if err != nil || len(stale) == 0 {
		return nil, nil, err
	}
	err = n.each(ctx, tx, func(r namedRow) {
		if _, wanted := taken[r.place]; wanted && names.Key(r.name) == r.place.key {
			taken[r.place] = true
		}
	})
	return stale, taken, err
}

// each calls f for each row, the oldest first.
func (n named) each(ctx context.Context, tx *sql.Tx, f func(namedRow)) error {
	_, err := list(ctx, tx, func(s scanner) (none struct{}, err error) {
		var r namedRow
		if err = s.Scan(&r.id, &r.name, &r.place.within, &r.place.key); err == nil {
			f(r)
		}
		return none, err
	}, `SELECT id, `+n.name+`, `+n.within+`, `+n.key+` FROM `+n.table+` ORDER BY created_at, id`)
	return err
}

// unreachable returns a key that no name and no login has, because neither has control characters.
func unreachable(id string) string { return "\x01" + id }
