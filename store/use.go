package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// Use is a batch of calls by one client with one credential.
type Use struct {
	CredentialID keyporter.ID // of a token, a connection, or an app that acts for itself
	ActedFor     string       // the login name an organization token acted for in allowed calls; dropped if it isn't a user of the token's organization
	keyporter.ClientUse
}

// MaxClients is how many clients are kept for a credential. The calls of all others count toward
// OtherClients, because anyone who has a secret can send any user agent they like.
const (
	MaxClients   = 50
	OtherClients = "(other clients)"
)

// Batch is what is counted at once.
type Batch struct {
	Uses   []Use
	Routes []RouteUse
	Calls  []Call
}

// AddUses adds a batch to the counts, in one order of tables and rows whatever the order in the batch, so
// that two nodes that count the same calls never wait for each other in a circle. It drops the counts
// of tokens, connections and apps that have been deleted since. New clients get the places that are
// left in the order of uses. Of calls, it keeps those that are among the last of their credential.
func (tx *Tx) AddUses(ctx context.Context, b Batch) error {
	// Tokens are held as strongly as addLastUses needs them, because that may update them in any order.
	_, held, err := hold(ctx, tx, credentialTables("NO KEY UPDATE"), b.credentials(), func(id keyporter.ID) keyporter.ID { return id })
	if err != nil {
		return fmt.Errorf("add uses: %w", err)
	}
	uses := existing(b.Uses, held, func(u Use) keyporter.ID { return u.CredentialID })
	for i := range uses {
		if u := &uses[i]; u.Refused > 0 && u.Allowed == 0 {
			u.RefusedAt = u.LastAt
		}
	}
	for _, add := range []func(context.Context, []Use) error{tx.addHours, tx.addClients, tx.addLogins, tx.addLastUses} {
		if err := add(ctx, uses); err != nil {
			return fmt.Errorf("add uses: %w", explain(err))
		}
	}
	err = tx.addRoutes(ctx, existing(b.Routes, held, func(u RouteUse) keyporter.ID { return u.CredentialID }))
	if err == nil {
		err = tx.addCalls(ctx, existing(b.Calls, held, func(c Call) keyporter.ID { return c.CredentialID }))
	}
	if err != nil {
		return fmt.Errorf("add uses: %w", explain(err))
	}
	return nil
}

func (b *Batch) credentials() (ids []keyporter.ID) {
	for _, u := range b.Uses {
		ids = append(ids, u.CredentialID)
	}
	for _, u := range b.Routes {
		ids = append(ids, u.CredentialID)
	}
	for _, c := range b.Calls {
		ids = append(ids, c.CredentialID)
	}
	return ids
}

// heldTable is a table whose rows are locked.
type heldTable struct{ name, strength string }

// credentialTables has the tables of credentials. Tokens are held with the given strength.
func credentialTables(tokens string) []heldTable {
	return []heldTable{{"apps", "KEY SHARE"}, {"connections", "KEY SHARE"}, {"tokens", tokens}} // an app before what is deleted with it
}

// hold keeps the credentials of rows from being deleted until the transaction ends.
// It returns the rows whose credentials are in one of the tables, and the organizations of those.
func hold[T any](ctx context.Context, tx *Tx, tables []heldTable, rows []T, of func(T) keyporter.ID) (_ []T, organizations map[keyporter.ID]keyporter.ID, err error) {
	ids := map[keyporter.ID]bool{}
	for _, r := range rows {
		ids[of(r)] = true
	}
	organizations = map[keyporter.ID]keyporter.ID{}
	for _, table := range tables {
		for some := range slices.Chunk(slices.Sorted(maps.Keys(ids)), maxListed) {
			found, err := listByID(ctx, tx.q, scanHeld, `SELECT id, coalesce(organization_id, '') FROM `+table.name+` WHERE id IN ($ids) ORDER BY id`+tx.lock(table.strength), some)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range found {
				organizations[f.credential] = f.value
			}
		}
	}
	return existing(rows, organizations, of), organizations, nil
}

// existing returns the rows whose credentials still exist.
func existing[T any](rows []T, organizations map[keyporter.ID]keyporter.ID, of func(T) keyporter.ID) []T {
	return slices.DeleteFunc(slices.Clone(rows), func(r T) bool {
		_, exists := organizations[of(r)]
		return !exists
	})
}

func scanHeld(row scanner) (h counts[keyporter.ID], err error) {
	err = row.Scan(&h.credential, &h.value)
	return h, err
}

func (tx *Tx) addHours(ctx context.Context, uses []Use) error {
	hours := merge(uses, func(u Use) [3]string {
		return [3]string{string(u.CredentialID), strconv.FormatInt(millis(u.LastAt.Truncate(time.Hour)), 10)}
	})
	return eachValues(hours, []string{"TEXT", "BIGINT", "BIGINT", "BIGINT"}, func(u Use) []any {
		return []any{u.CredentialID, millis(u.LastAt.Truncate(time.Hour)), u.Allowed, u.Refused}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_hours (credential_id, hour, allowed, refused)
			SELECT column2, column3, column4, column5
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1
			ON CONFLICT (credential_id, hour) DO UPDATE
			SET allowed = credential_hours.allowed + excluded.allowed, refused = credential_hours.refused + excluded.refused`, args...)
		return err
	})
}

// addClients is called after addHours, whose locks keep other transactions from giving the same places to other
// clients. At the turn of an hour, a few more may be kept.
func (tx *Tx) addClients(ctx context.Context, uses []Use) error {
	uses, err := tx.nameClients(ctx, uses)
	if err != nil {
		return err
	}
	clients := merge(uses, func(u Use) [3]string { return [3]string{string(u.CredentialID), u.Agent} })
	err = eachValues(clients, []string{"TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT"}, func(u Use) []any {
		return []any{u.CredentialID, u.Agent, u.Address, u.Version, millis(u.LastAt), u.Allowed, u.Refused, millis(u.RefusedAt)}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO credential_clients (credential_id, agent, address, version, last_at, allowed, refused, refused_at)
			SELECT column2, column3, column4, column5, column6, column7, column8, column9
			FROM (VALUES `+values+`) v
			WHERE column2 IS NOT NULL
			ORDER BY column1
			ON CONFLICT (credential_id, agent) DO UPDATE
			SET address = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.address ELSE excluded.address END,
				version = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.version ELSE excluded.version END,
				last_at = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.last_at ELSE excluded.last_at END,
				allowed = credential_clients.allowed + excluded.allowed,
				refused = credential_clients.refused + excluded.refused,
				refused_at = CASE WHEN excluded.refused_at < credential_clients.refused_at THEN credential_clients.refused_at ELSE excluded.refused_at END`, args...)
		return err
	})
	if err != nil {
		return err
	}
	return tx.addDays(ctx, uses)
}

// nameClients returns the uses with OtherClients in the place of clients that there is no room for.
func (tx *Tx) nameClients(ctx context.Context, uses []Use) ([]Use, error) {
	known := map[keyporter.ID]map[string]bool{}
	for _, u := range uses {
		known[u.CredentialID] = map[string]bool{}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(known)), maxValues) {
		stored, err := listByID(ctx, tx.q, scanKnownClient, `SELECT credential_id, agent FROM credential_clients WHERE credential_id IN ($ids) ORDER BY credential_id, agent`, ids)
		if err != nil {
			return nil, err
		}
		for _, c := range stored {
			known[c.credential][c.value] = c.value != OtherClients
		}
	}
	uses = slices.Clone(uses)
	for i, u := range uses {
		agents := known[u.CredentialID]
		delete(agents, OtherClients)
		if !agents[u.Agent] && len(agents) >= MaxClients {
			uses[i].Agent = OtherClients
			continue
		}
		agents[u.Agent] = true
	}
	return uses, nil
}

func scanKnownClient(row scanner) (c counts[string], err error) {
	err = row.Scan(&c.credential, &c.value)
	return c, err
}

func (tx *Tx) addLogins(ctx context.Context, uses []Use) error {
	acted := slices.DeleteFunc(slices.Clone(uses), func(u Use) bool { return u.ActedFor == "" || u.Allowed == 0 })
	logins := merge(acted, func(u Use) [3]string { return [3]string{string(u.CredentialID), u.ActedFor, u.Version} })
	return eachValues(logins, []string{"TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT"}, func(u Use) []any {
		return []any{u.CredentialID, u.ActedFor, u.Version, millis(u.LastAt), u.Allowed, names.Key(u.ActedFor)}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			INSERT INTO token_logins (token_id, login, version, last_at, calls)
			SELECT column2, column3, column4, column5, column6
			FROM (VALUES `+values+`) v
			WHERE (SELECT organization_id FROM tokens WHERE id = column2) = (SELECT organization_id FROM users WHERE login_key = column7)
			ORDER BY column1
			ON CONFLICT (token_id, login, version) DO UPDATE
			SET last_at = CASE WHEN excluded.last_at < token_logins.last_at THEN token_logins.last_at ELSE excluded.last_at END,
				calls = token_logins.calls + excluded.calls`, args...)
		return err
	})
}

// addLastUses keeps what lists of tokens are sorted by. Whoever changes one of the tokens meanwhile waits until the step is
// committed.
func (tx *Tx) addLastUses(ctx context.Context, uses []Use) error {
	last := map[keyporter.ID][2]int64{} // call, refused call
	for _, u := range uses {
		at, l := millis(u.LastAt), last[u.CredentialID]
		l[0] = max(l[0], at)
		if u.Refused > 0 {
			l[1] = max(l[1], millis(u.RefusedAt))
		}
		last[u.CredentialID] = l
	}
	ids := slices.Sorted(maps.Keys(last))
	return eachValues(ids, []string{"TEXT", "BIGINT", "BIGINT"}, func(id keyporter.ID) []any {
		return []any{id, last[id][0], last[id][1]}
	}, func(values string, args []any) error {
		_, err := tx.exec(ctx, `
			UPDATE tokens
			SET last_used_at = CASE WHEN v.column3 > last_used_at THEN v.column3 ELSE last_used_at END,
				last_refused_at = CASE WHEN v.column4 > last_refused_at THEN v.column4 ELSE last_refused_at END
			FROM (VALUES `+values+`) v
			WHERE tokens.id = v.column2`, args...)
		return err
	})
}

// merge adds up the uses that have a key in common, and sorts them by it. Of each, the latest call says
// where it came from.
func merge(uses []Use, key func(Use) [3]string) []Use {
	byKey := map[[3]string]Use{}
	for _, u := range uses {
		k := key(u)
		if m, ok := byKey[k]; ok {
			u.Allowed, u.Refused = u.Allowed+m.Allowed, u.Refused+m.Refused
			if u.RefusedAt.Before(m.RefusedAt) {
				u.RefusedAt = m.RefusedAt
			}
			if u.LastAt.Before(m.LastAt) {
				u.Address, u.Version, u.LastAt = m.Address, m.Version, m.LastAt
			}
		}
		byKey[k] = u
	}
	all := make([]Use, 0, len(byKey))
	for _, k := range slices.SortedFunc(maps.Keys(byKey), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		all = append(all, byKey[k])
	}
	return all
}

// maxUserUses limits how many users and versions are read for an organization token.
const maxUserUses = 1000

// UseOf returns how a credential was used. The last of its hours is the one that contains now.
func (q queries) UseOf(ctx context.Context, credential keyporter.ID, now time.Time) (keyporter.TokenUse, error) {
	all, err := q.UsesOf(ctx, []keyporter.ID{credential}, now)
	return all[credential], err
}

// UsesOf is UseOf for several credentials. Those that were never used aren't in the map.
func (q queries) UsesOf(ctx context.Context, credentials []keyporter.ID, now time.Time) (map[keyporter.ID]keyporter.TokenUse, error) {
	uses := map[keyporter.ID]keyporter.TokenUse{}
	if len(credentials) == 0 {
		return uses, nil
	}
	for _, add := range []func(context.Context, map[keyporter.ID]keyporter.TokenUse, []keyporter.ID, time.Time) error{q.addHours, q.addClients, q.addUserUses} {
		if err := add(ctx, uses, credentials, now); err != nil {
			return nil, err
		}
	}
	return uses, nil
}

func (q queries) addHours(ctx context.Context, uses map[keyporter.ID]keyporter.TokenUse, credentials []keyporter.ID, now time.Time) error {
	first := now.Truncate(time.Hour).Add(-time.Duration(len(keyporter.TokenUse{}.Hours)-1) * time.Hour)
	marks, args := placeholders(credentials, millis(first))
	hours, err := list(ctx, q.q, scanHour, `
		SELECT credential_id, hour, allowed, refused FROM credential_hours
		WHERE credential_id IN `+marks+` AND hour >= $1
		ORDER BY credential_id, hour`, args...)
	if err != nil {
		return fmt.Errorf("find use of credentials: %w", err)
	}
	for _, h := range hours {
		use := uses[h.credential]
		use.Allowed += h.allowed
		use.Refused += h.refused
		if i := int(h.start.Sub(first) / time.Hour); i < len(use.Hours) {
			use.Hours[i] = h.allowed
		}
		uses[h.credential] = use
	}
	return nil
}

func (q queries) addClients(ctx context.Context, uses map[keyporter.ID]keyporter.TokenUse, credentials []keyporter.ID, _ time.Time) error {
	marks, args := placeholders(credentials)
	clients, err := list(ctx, q.q, scanClientUse, `
		SELECT credential_id, agent, address, version, last_at, allowed, refused, refused_at FROM credential_clients
		WHERE credential_id IN `+marks+`
		ORDER BY credential_id, last_at DESC, agent`, args...)
	if err != nil {
		return fmt.Errorf("find clients of credentials: %w", err)
	}
	for _, c := range clients {
		use := uses[c.credential]
		use.Clients = append(use.Clients, c.value)
		uses[c.credential] = use
	}
	return nil
}

func (q queries) addUserUses(ctx context.Context, uses map[keyporter.ID]keyporter.TokenUse, credentials []keyporter.ID, _ time.Time) error {
	marks, args := placeholders(credentials, maxUserUses)
	byUser, err := list(ctx, q.q, scanUserUse, `
		SELECT token_id, login, version, last_at, calls
		FROM (SELECT token_id, login, version, last_at, calls,
				row_number() OVER (PARTITION BY token_id ORDER BY last_at DESC, login, version) AS n
			FROM token_logins WHERE token_id IN `+marks+`) l
		WHERE n <= $1
		ORDER BY token_id, n`, args...)
	if err != nil {
		return fmt.Errorf("find the users tokens acted for: %w", err)
	}
	for _, s := range byUser {
		use := uses[s.credential]
		use.ActedFor = append(use.ActedFor, s.value)
		uses[s.credential] = use
	}
	return nil
}

// counts are the counts of a credential.
type counts[T any] struct {
	credential keyporter.ID
	value      T
}

func scanUserUse(row scanner) (s counts[keyporter.UserUse], err error) {
	var last int64
	err = row.Scan(&s.credential, &s.value.Login, &s.value.Version, &last, &s.value.Calls)
	s.value.LastAt = fromMillis(last)
	return s, err
}

// OrganizationTokenUse is an organization token and when it was last used.
type OrganizationTokenUse struct {
	TokenID        keyporter.ID
	OrganizationID keyporter.ID
	Name           string    // of the organization
	Granted        bool      // the organization has the flag OrganizationApiToken
	LastAt         time.Time // zero: never
}

// OrganizationTokenUses returns the organization tokens of the instance, ordered by organization.
func (q queries) OrganizationTokenUses(ctx context.Context) ([]OrganizationTokenUse, error) {
	all, err := list(ctx, q.q, scanOrganizationTokenUse, `
		SELECT t.id, o.id, o.name,
			EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $1),
			coalesce((SELECT max(c.last_at) FROM credential_clients c WHERE c.credential_id = t.id), 0)
		FROM organizations o JOIN tokens t ON t.organization_id = o.id AND t.kind = 'organization'
		ORDER BY o.id, t.id`, keyporter.FlagOrganizationAPIToken)
	if err != nil {
		return nil, fmt.Errorf("list who depends on organization tokens: %w", err)
	}
	return all, nil
}

func scanOrganizationTokenUse(row scanner) (t OrganizationTokenUse, err error) {
	var last int64
	err = row.Scan(&t.TokenID, &t.OrganizationID, &t.Name, &t.Granted, &last)
	t.LastAt = fromMillis(last)
	return t, err
}

type hour struct {
	credential       keyporter.ID
	start            time.Time
	allowed, refused int
}

func scanHour(row scanner) (h hour, err error) {
	var start int64
	err = row.Scan(&h.credential, &start, &h.allowed, &h.refused)
	h.start = fromMillis(start)
	return h, err
}

func scanClientUse(row scanner) (c counts[keyporter.ClientUse], err error) {
	var last, refused int64
	err = row.Scan(&c.credential, &c.value.Agent, &c.value.Address, &c.value.Version, &last, &c.value.Allowed, &c.value.Refused, &refused)
	c.value.LastAt, c.value.RefusedAt = fromMillis(last), fromMillis(refused)
	return c, err
}

// forgetUses deletes the counts and the refused calls of credentials that the transaction has just deleted. It comes
// after their deletion, which waits for whoever holds them.
func (tx *Tx) forgetUses(ctx context.Context, credentials ...keyporter.ID) error {
	if err := tx.forgetCounts(ctx, credentials...); err != nil {
		return err
	}
	return tx.forget(ctx, []string{"credential_refusals"}, credentials)
}

// forgetCounts deletes only the counts.
func (tx *Tx) forgetCounts(ctx context.Context, credentials ...keyporter.ID) error {
	return tx.forget(ctx, []string{"credential_hours", "credential_clients", "credential_days", "credential_routes", "credential_calls"}, credentials)
}

func (tx *Tx) forget(ctx context.Context, tables []string, credentials []keyporter.ID) error {
	for some := range slices.Chunk(credentials, maxListed) {
		for _, table := range tables {
			marks, args := placeholders(some)
			if _, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE credential_id IN `+marks, args...); err != nil {
				return explain(err)
			}
		}
	}
	return nil
}
