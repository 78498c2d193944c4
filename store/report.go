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

// MaxRoutes is how many routes are kept for a credential and day. The calls of all others count toward keyporter.OtherRoutes.
const MaxRoutes = 50

// routeDay is a credential on a day.
type routeDay struct {
	credential keyporter.ID
	day        int64 // as it is stored
}

func (u RouteUse) routeDay() routeDay { return routeDay{u.CredentialID, millis(u.LastAt)} }

func compareRoutes(a, b RouteUse) int {
	return cmp.Or(cmp.Compare(a.CredentialID, b.CredentialID), a.LastAt.Compare(b.LastAt), cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.Method, b.Method), cmp.Compare(a.Route, b.Route))
}

// NameRoutes adds up the uses of each day, with keyporter.OtherRoutes in the place of routes that there is no room for. known
// returns the routes that the credential of a use has on its day already.
func NameRoutes(uses []RouteUse, known func(RouteUse) []keyporter.RoutePattern) (named []RouteUse) {
	uses = slices.Clone(uses)
	for i := range uses {
		uses[i].LastAt = uses[i].LastAt.UTC().Truncate(day)
	}
	slices.SortFunc(uses, compareRoutes)
	other := keyporter.RoutePattern{Route: keyporter.OtherRoutes}
	places := map[keyporter.RoutePattern]int{} // in named, of the routes of one day; -1: not there yet
	for i, u := range uses {
		if i == 0 || u.routeDay() != uses[i-1].routeDay() {
			clear(places)
			for _, route := range known(u) {
				places[route] = -1
			}
		}
		place, there := places[u.RoutePattern]
		_, others := places[other]
		if routes := len(places) - map[bool]int{true: 1}[others]; !there && routes >= MaxRoutes {
			u.RoutePattern = other
			place, there = places[other]
		}
		if !there || place < 0 {
			places[u.RoutePattern] = len(named)
			named = append(named, u)
			continue
		}
		named[place].Add(u.Counts)
	}
	return named
}

// addRoutes counts calls by route. It is called after addHours, like addClients.
func (tx *Tx) addRoutes(ctx context.Context, uses []RouteUse) error {
	known, err := tx.routesOf(ctx, uses)
	if err != nil {
		return err
	}
	uses = NameRoutes(uses, func(u RouteUse) []keyporter.RoutePattern { return known[u.routeDay()] })
	slices.SortFunc(uses, compareRoutes) // the others of a day among them
	return eachValues(uses, []string{"TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT"}, func(u RouteUse) []any {
		return []any{u.CredentialID, millis(u.LastAt), u.Version, u.Method, u.Route, u.Allowed, u.Refused}
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

// routesOf returns the routes that are stored for the credentials, from the first day of the uses on.
func (tx *Tx) routesOf(ctx context.Context, uses []RouteUse) (map[routeDay][]keyporter.RoutePattern, error) {
	known := map[routeDay][]keyporter.RoutePattern{}
	ids := map[keyporter.ID]bool{}
	for _, u := range uses {
		ids[u.CredentialID] = true
	}
	if len(uses) == 0 {
		return known, nil
	}
	first := slices.MinFunc(uses, func(a, b RouteUse) int { return a.LastAt.Compare(b.LastAt) }).LastAt.Truncate(day)
	scan := func(row scanner) (u RouteUse, err error) {
		var at int64
		err = row.Scan(&u.CredentialID, &at, &u.Version, &u.Method, &u.Route)
		u.LastAt = fromMillis(at)
		return u, err
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(ids)), maxValues) {
		marks, args := placeholders(some, millis(first))
		stored, err := list(ctx, tx.q, scan, `
			SELECT credential_id, day, version, method, route FROM credential_routes
			WHERE credential_id IN `+marks+` AND day >= $1 ORDER BY credential_id, day`, args...)
		if err != nil {
			return nil, err
		}
		for _, u := range stored {
			known[u.routeDay()] = append(known[u.routeDay()], u.RoutePattern)
		}
	}
	return known, nil
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
			last[s.credential] = keyporter.LastCalls(last[s.credential], s.value)
		}
	}
	texts := map[keyporter.ID]string{}
	for id := range last {
		last[id] = keyporter.LastCalls(last[id], nil)
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

// Report begins the report on how a credential was used on a number of days that end with the one of now, and its last calls.
func (q queries) Report(ctx context.Context, credential keyporter.ID, now time.Time, days int) (*keyporter.ReportBuilder, error) {
	first := now.UTC().Truncate(day).AddDate(0, 0, 1-days)
	r := keyporter.BuildReport(first, days)
	for _, add := range []func(context.Context, keyporter.ID, time.Time, *keyporter.ReportBuilder) error{q.addAgents, q.addRoutes} {
		if err := add(ctx, credential, first, r); err != nil {
			return nil, fmt.Errorf("report on a credential: %w", err)
		}
	}
	stored, err := list(ctx, q.q, scanCalls, selectCalls+` = $1`, credential)
	for _, s := range stored {
		r.AddCalls(s.value)
	}
	return r, err
}

// dayCounts are the counts of one day.
type dayCounts[T any] struct {
	of  T
	day time.Time
	keyporter.Counts
}

func (q queries) addAgents(ctx context.Context, credential keyporter.ID, first time.Time, r *keyporter.ReportBuilder) error {
	scan := func(row scanner) (c dayCounts[string], err error) {
		var at int64
		err = row.Scan(&at, &c.of, &c.Allowed, &c.Refused)
		c.day = fromMillis(at)
		return c, err
	}
	rows, err := list(ctx, q.q, scan, `
		SELECT day, agent, allowed, refused FROM credential_days WHERE credential_id = $1 AND day >= $2 ORDER BY day, agent`, credential, millis(first))
	for _, c := range rows {
		r.AddClient(c.of, c.day, c.Counts)
	}
	return err
}

func (q queries) addRoutes(ctx context.Context, credential keyporter.ID, first time.Time, r *keyporter.ReportBuilder) error {
	scan := func(row scanner) (c dayCounts[keyporter.RoutePattern], err error) {
		var at int64
		err = row.Scan(&at, &c.of.Version, &c.of.Method, &c.of.Route, &c.Allowed, &c.Refused)
		c.day = fromMillis(at)
		return c, err
	}
	rows, err := list(ctx, q.q, scan, `
		SELECT day, version, method, route, allowed, refused FROM credential_routes
		WHERE credential_id = $1 AND day >= $2 ORDER BY day, version, method, route`, credential, millis(first))
	for _, c := range rows {
		r.AddRoute(c.of, c.day, c.Counts)
	}
	return err
}
