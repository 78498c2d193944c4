package store

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Texts returns the texts of the statements of every method that asks or changes the database: it calls each with
// made-up arguments, and pretends that whatever it changes was there.
func Texts(ctx context.Context, db *DB) []string {
	r := &recorder{querier: db.read, texts: map[string]bool{}}
	q := queries{r}
	for _, of := range []any{q, &Tx{queries: q, issued: map[keyporter.ID]*keyporter.SecretHash{}, limits: &reachedLimits{}}, &DB{queries: q, lookups: q, write: db.write, read: db.read, lookup: db.lookup, log: db.log, pools: db.pools, line: db.line}} {
		v := reflect.ValueOf(of)
		for m, f := range v.Methods() {
			if !slices.Contains([]string{"Close", "Do", "Listen", "Follow", "Prune", "Attempt", "AttemptThen", "UseProof", "KeepKey", "Explain", "Lines", "Int", "Exec", "LimitPages"}, m.Name) && m.Type.NumIn() > 1 {
				callWithAnything(ctx, f)
			}
		}
	}
	for _, l := range tokenLists() {
		for _, p := range []Page{{Limit: 1}, {Limit: 1, From: &Place{Text: "x"}}, {Limit: 1, From: &Place{Text: "x"}, Backward: true}} {
			_, _ = q.Tokens(ctx, l, p)
		}
		_, _ = q.CountListedTokens(ctx, l)
	}
	for _, state := range []keyporter.UserState{"", keyporter.UserActive, keyporter.UserInactive} {
		for _, match := range []string{"", "x", "%"} {
			for _, p := range []Page{{Limit: 1}, {Limit: 1, From: &Place{ID: "x"}}, {Limit: 1, From: &Place{ID: "x"}, Backward: true}} {
				_, _ = q.ListUsers(ctx, UserSearch{"x", match, state}, p)
			}
			_, _ = q.CountListedUsers(ctx, UserSearch{"x", match, state})
		}
	}
	for _, l := range []RefusalList{{}, {Apps: true}, {Kinds: []keyporter.TokenKind{"x"}}, {Connections: true, Match: "x", Owners: true, Since: time.Now()}} {
		for _, p := range []Page{{Limit: 1}, {Limit: 1, From: &Place{ID: "x"}}, {Limit: 1, From: &Place{ID: "x"}, Backward: true}} {
			_, _ = q.Refusals(ctx, l, p)
		}
		_, _ = q.CountListedRefusals(ctx, l)
	}
	for _, e := range expiring(time.Now()) {
		r.texts[e.deletion()] = true
	}
	r.texts[selectQuarantined], r.texts[selectLapsed], r.texts[selectEnded] = true, true, true
	all := make([]string, 0, len(r.texts))
	for text := range r.texts {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// tokenLists returns lists with each order and each filter.
func tokenLists() (all []TokenList) {
	now := time.Now()
	whose := []TokenList{{OwnerID: "x"}, {OrganizationID: "x"}}
	for _, can := range [][]bool{{true}, {true, false}, {true, false, false}} { // see isBlocked
		l := TokenList{OrganizationID: "x"}
		for i, use := range can {
			l.RoleSets = append(l.RoleSets, UserSet{RoleSet{RoleIDs: []keyporter.ID{keyporter.ID(rune('a' + i))}, Users: 1, Active: 1}, use})
		}
		whose = append(whose, l)
	}
	for _, l := range whose {
		l.Kind, l.Now = keyporter.UserToken, now
		for _, sort := range []keyporter.TokenSort{keyporter.TokensByName, keyporter.TokensByUse, keyporter.TokensByAge, keyporter.TokensByExpiry} {
			l.Sort = sort
			all = append(all, l)
		}
		for _, state := range []keyporter.TokenState{keyporter.TokenActive, keyporter.TokenOff, keyporter.TokenExpired, keyporter.TokenBlocked, keyporter.TokenNeedsAttention} {
			l.State = state
			all = append(all, l)
		}
		for _, match := range []string{"x", "x…x"} {
			l.Match, l.UnusedSince, l.ExpiresBy, l.NeverRotated = match, now, now, true
			all = append(all, l)
		}
	}
	return all
}

// callWithAnything calls f with values that aren't empty.
func callWithAnything(ctx context.Context, f reflect.Value) {
	args := make([]reflect.Value, f.Type().NumIn())
	for i := range args {
		args[i] = anything(ctx, f.Type().In(i), 3)
	}
	if f.Type().IsVariadic() {
		f.CallSlice(args)
		return
	}
	f.Call(args)
}

func anything(ctx context.Context, t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[context.Context]():
		v.Set(reflect.ValueOf(ctx))
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Now()))
	case t.Kind() == reflect.String:
		v.SetString("x")
	case v.CanInt():
		v.SetInt(2)
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case t.Kind() == reflect.Slice && depth > 0:
		v = reflect.Append(v, anything(ctx, t.Elem(), depth-1))
	case t.Kind() == reflect.Pointer && depth > 0:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(anything(ctx, t.Elem(), depth-1))
	case t.Kind() == reflect.Struct && depth > 0:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				v.Field(i).Set(anything(ctx, t.Field(i).Type, depth-1))
			}
		}
	case t.Kind() == reflect.Func:
		v.Set(reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value {
			var out []reflect.Value
			for o := range t.Outs() {
				out = append(out, reflect.Zero(o))
			}
			return out
		}))
	}
	return v
}

// recorder keeps the texts of statements. It runs only those that read.
type recorder struct {
	querier
	texts map[string]bool
}

func (r *recorder) ExecContext(_ context.Context, query string, _ ...any) (sql.Result, error) {
	r.texts[query] = true
	return oneRow{}, nil
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.texts[query] = true
	return r.querier.QueryContext(ctx, query, args...)
}

func (r *recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	r.texts[query] = true
	if changes := !strings.HasPrefix(strings.TrimSpace(query), "SELECT"); changes {
		return r.querier.QueryRowContext(ctx, `SELECT 1`)
	}
	return r.querier.QueryRowContext(ctx, query, args...)
}

type oneRow struct{}

func (oneRow) LastInsertId() (int64, error) { return 0, nil }
func (oneRow) RowsAffected() (int64, error) { return 1, nil }

// Lines runs a query for lines of text, the last of its columns.
func (db *DB) Lines(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	var all []string
	for rows.Next() {
		var last sql.NullString
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		values[len(values)-1] = &last
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		all = append(all, last.String)
	}
	return all, errors.Join(err, rows.Err())
}
