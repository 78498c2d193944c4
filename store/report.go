package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// keepDays is how long the counts of days, and the last calls, are kept. Pages look back 90 days.
const keepDays = 92 * 24 * time.Hour

const day = 24 * time.Hour

// RouteUse is a batch of calls of one route with one credential.
type RouteUse struct {
	CredentialID keyporter.ID
	keyporter.RoutePattern
	keyporter.Counts

	LastAt time.Time
}

// Call is a call with a credential.
type Call struct {
	CredentialID keyporter.ID
	keyporter.Call
}

// addDays counts calls by client. Its uses have the names that addClients gave to the clients.
func (tx *Tx) addDays(ctx context.Context, uses []Use) error {
	dayOf := func(u Use) string { return fmt.Sprintf("%020d", millis(u.LastAt.Truncate(day))) }
	days := merge(uses, func(u Use) [3]string { return [3]string{string(u.CredentialID), dayOf(u), u.Agent} })
	return eachValues(days, []string{"TEXT", "BIGINT", "TEXT", "BIGINT", "BIGINT"}, func(u Use) []any {
		return []any{u.CredentialID, millis(u.LastAt.Truncate(day)), u.Agent, u.Allowed, u.Refused}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_days (credential_id, day, agent, allowed, refused)
			SELECT column2, column3, column4, column5, column6
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1
			ON CONFLICT (credential_id, day, agent) DO UPDATE
			SET allowed = credential_days.allowed + excluded.allowed, refused = credential_days.refused + excluded.refused`, args...)
		return err
	})
}

// addRoutes counts calls by route.
func (tx *Tx) addRoutes(ctx context.Context, uses []RouteUse) error {
	type row struct {
		credential keyporter.ID
		day        int64
		keyporter.RoutePattern
	}
	rows := map[row]keyporter.Counts{}
	for _, u := range uses {
		r := row{u.CredentialID, millis(u.LastAt.Truncate(day)), u.RoutePattern}
		n := rows[r]
		n.Add(u.Counts)
		rows[r] = n
	}
	sorted := slices.SortedFunc(maps.Keys(rows), func(a, b row) int {
		return cmp.Or(cmp.Compare(a.credential, b.credential), cmp.Compare(a.day, b.day), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Method, b.Method), cmp.Compare(a.Route, b.Route))
	})
	return eachValues(sorted, []string{"TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT"}, func(r row) []any {
		return []any{r.credential, r.day, r.Version, r.Method, r.Route, rows[r].Allowed, rows[r].Refused}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_routes (credential_id, day, version, method, route, allowed, refused)
			SELECT column2, column3, column4, column5, column6, column7, column8
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1
			ON CONFLICT (credential_id, day, version, method, route) DO UPDATE
			SET allowed = credential_routes.allowed + excluded.allowed, refused = credential_routes.refused + excluded.refused`, args...)
		return err
	})
}

// addCalls keeps the calls that are among the last of their credential.
func (tx *Tx) addCalls(ctx context.Context, calls []Call) error {
	last := map[keyporter.ID][]keyporter.Call{}
	for _, c := range calls {
		last[c.CredentialID] = append(last[c.CredentialID], c.Call)
	}
	ids := slices.Sorted(maps.Keys(last))
	for some := range slices.Chunk(ids, maxListed) {
		stored, err := listByID(ctx, tx.q, scanCalls, selectCalls+` IN ($ids) ORDER BY credential_id`+tx.lock("UPDATE"), some)
		if err != nil {
			return err
		}
		for _, s := range stored {
			last[s.credential] = LastCalls(last[s.credential], s.value)
		}
	}
	texts := map[keyporter.ID]string{}
	for id := range last {
		last[id] = LastCalls(last[id], nil)
		text, err := json.Marshal(last[id])
		if err != nil {
			return err
		}
		texts[id] = string(text)
	}
	return eachValues(ids, []string{"TEXT", "BIGINT", "TEXT"}, func(id keyporter.ID) []any {
		return []any{id, millis(last[id][0].At), texts[id]}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_calls (credential_id, last_at, calls)
			SELECT column2, column3, column4
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1
			ON CONFLICT (credential_id) DO UPDATE SET last_at = excluded.last_at, calls = excluded.calls`, args...)
		return err
	})
}

// LastCalls returns the last of two lists of calls, latest first.
func LastCalls(a, b []keyporter.Call) []keyporter.Call {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b keyporter.Call) int { return b.At.Compare(a.At) })
	return all[:min(len(all), keyporter.CallLimit)]
}

const selectCalls = `SELECT credential_id, calls FROM credential_calls WHERE credential_id`

func scanCalls(row scanner) (c counts[[]keyporter.Call], err error) {
	var text string
	if err = row.Scan(&c.credential, &text); err != nil {
		return c, err
	}
	if err = json.Unmarshal([]byte(text), &c.value); err != nil {
		return c, fmt.Errorf("read the calls of %s: %w", c.credential, err)
	}
	return c, nil
}

// Report returns how a credential was used on a number of days that end with the one of now, and its last calls. Routes and
// clients come in any order.
func (q queries) Report(ctx context.Context, credential keyporter.ID, now time.Time, days int) (r keyporter.Report, err error) {
	r.First = now.UTC().Truncate(day).AddDate(0, 0, 1-days)
	r.Days = make([]keyporter.Counts, days)
	for _, add := range []func(context.Context, keyporter.ID, *keyporter.Report) error{q.addAgents, q.addRoutes} {
		if err := add(ctx, credential, &r); err != nil {
			return r, fmt.Errorf("report on a credential: %w", err)
		}
	}
	stored, err := list(ctx, q.q, scanCalls, selectCalls+` = $1`, credential)
	for _, s := range stored {
		r.Calls = s.value
	}
	return r, err
}

// dayCounts are the counts of one day.
type dayCounts[T any] struct {
	of  T
	day time.Time
	keyporter.Counts
}

func (q queries) addAgents(ctx context.Context, credential keyporter.ID, r *keyporter.Report) error {
	scan := func(row scanner) (c dayCounts[string], err error) {
		var at int64
		err = row.Scan(&at, &c.of, &c.Allowed, &c.Refused)
		c.day = fromMillis(at)
		return c, err
	}
	rows, err := list(ctx, q.q, scan, `
		SELECT day, agent, allowed, refused FROM credential_days WHERE credential_id = $1 AND day >= $2 ORDER BY day, agent`, credential, millis(r.First))
	for _, c := range rows {
		r.AddClient(c.of, c.day, c.Counts)
	}
	return err
}

func (q queries) addRoutes(ctx context.Context, credential keyporter.ID, r *keyporter.Report) error {
	scan := func(row scanner) (c dayCounts[keyporter.RoutePattern], err error) {
		var at int64
		err = row.Scan(&at, &c.of.Version, &c.of.Method, &c.of.Route, &c.Allowed, &c.Refused)
		c.day = fromMillis(at)
		return c, err
	}
	rows, err := list(ctx, q.q, scan, `
		SELECT day, version, method, route, allowed, refused FROM credential_routes
		WHERE credential_id = $1 AND day >= $2 ORDER BY day, version, method, route`, credential, millis(r.First))
	for _, c := range rows {
		r.AddRoute(c.of, c.day, c.Counts)
	}
	return err
}
