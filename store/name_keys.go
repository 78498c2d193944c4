package store

import (
	"context"

	"github.com/keyporter/keyporter/names"
)

// named is a table whose rows have a unique name.
type named struct{ table, name, key, within string } // the columns of the name, its key, and within what it is unique

func allNamed() []named {
	return []named{
		{"organizations", "name", "name_key", "''"},
		{"users", "login", "login_key", "''"},
		{"roles", "name", "name_key", "organization_id"},
		{"tokens", "name", "name_key", "owner_id || ' ' || kind"},
	}
}

// namedRow is a row of such a table.
type namedRow struct {
	id, name string
	place    place
}

// place is what only one row of a table can have.
type place struct{ within, key string }

// renewNameKeys stores the keys that names.Key returns today. A release with another names.Key
// may have written the stored ones, or be writing them on another node.
//
// If two names that used to differ are now the same, the one that already has the key keeps it,
// or else the older one. The other gets a key that names.Key never returns. It can be renamed; an
// organization or a user can't, and is then only found by ID, or by what a provider knows. Each
// start warns about it.
func (db *DB) renewNameKeys(ctx context.Context) error {
	for _, n := range allNamed() {
		stale, err := n.stale(ctx, db.q)
		if err == nil && len(stale) > 0 {
			err = db.Do(ctx, func(tx *Tx) error { return db.renew(ctx, tx, n) })
		}
		if err != nil {
			return err
		}
	}
	return db.renewRoleSets(ctx) // the same of what a user's roles are found by
}

func (db *DB) renew(ctx context.Context, tx *Tx, n named) error {
	stale, err := n.stale(ctx, tx.q)
	if err != nil {
		return err
	}
	taken, err := n.taken(ctx, tx.q, stale)
	if err != nil {
		return err
	}
	set := func(r namedRow, key string) error {
		_, err := tx.exec(ctx, `UPDATE `+n.table+` SET `+n.key+` = $2 WHERE id = $1`, r.id, key)
		return err
	}
	for _, r := range stale { // first, because an old key can be another row's new one
		if err := set(r, "\x01"+r.id); err != nil {
			return err
		}
	}
	for _, r := range stale {
		if other, ok := taken[r.place]; ok {
			db.log.Warn("two names that count as the same; the second one isn't found by its name", "table", n.table, "first", other, "second", r.id, "name", r.name)
			continue
		}
		taken[r.place] = r.id
		if err := set(r, r.place.key); err != nil {
			return err
		}
	}
	return nil
}

// stale returns the rows whose stored key isn't that of their name, in the places they should
// have. A name in ASCII has had the same key in every release, unless it has two blanks in a row.
func (n named) stale(ctx context.Context, q querier) (all []namedRow, err error) {
	err = n.each(ctx, q, `WHERE octet_length(`+n.name+`) <> length(`+n.name+`) OR `+n.name+` LIKE '%  %'`, func(r namedRow) {
		if key := names.Key(r.name); key != r.place.key {
			r.place.key = key
			all = append(all, r)
		}
	})
	return all, err
}

// taken returns who has the places that these rows should have.
func (n named) taken(ctx context.Context, q querier, stale []namedRow) (map[place]string, error) {
	wanted, taken := map[place]bool{}, map[place]string{}
	for _, r := range stale {
		wanted[r.place] = true
	}
	err := n.each(ctx, q, "", func(r namedRow) {
		if wanted[r.place] && names.Key(r.name) == r.place.key {
			taken[r.place] = r.id
		}
	})
	return taken, err
}

// each calls f for each row, the oldest first.
func (n named) each(ctx context.Context, q querier, where string, f func(namedRow)) error {
	_, err := list(ctx, q, func(s scanner) (none struct{}, err error) {
		var r namedRow
		if err = s.Scan(&r.id, &r.name, &r.place.within, &r.place.key); err == nil {
			f(r)
		}
		return none, err
	}, `SELECT id, `+n.name+`, `+n.within+`, `+n.key+` FROM `+n.table+` `+where+` ORDER BY created_at, id`)
	return err
}
