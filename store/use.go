package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// Use is a batch of calls made with one credential by one client.
type Use struct {
	CredentialID keyporter.ID // token, connection, or app that acts for itself
	SpokeFor     string       // login name of a user of its organization, with an organization token and allowed calls; another is dropped
	keyporter.ClientUse
}

// MaxClients is how many clients are kept of a credential. The calls of further ones count
// towards OtherClients: who holds a secret can send any user agent he likes.
const (
	MaxClients   = 50
	OtherClients = "(other clients)"
)

// credentials are what calls are counted of.
const credentials = `(SELECT id FROM tokens UNION ALL SELECT id FROM connections UNION ALL SELECT id FROM apps)`

// AddUses adds batches to the counts. What is counted for a token, connection or app that
// was deleted meanwhile is dropped.
func (tx *Tx) AddUses(ctx context.Context, uses []Use) error {
	for _, u := range uses {
		if err := tx.addUse(ctx, u); err != nil {
			return fmt.Errorf("add use of %s: %w", u.CredentialID, explain(err))
		}
	}
	return nil
}

func (tx *Tx) addUse(ctx context.Context, u Use) error {
	_, err := tx.exec(ctx, `
		INSERT INTO credential_hours (credential_id, hour, allowed, refused)
		SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM `+credentials+` c WHERE id = $1
		ON CONFLICT (credential_id, hour) DO UPDATE
		SET allowed = credential_hours.allowed + excluded.allowed, refused = credential_hours.refused + excluded.refused`,
		u.CredentialID, millis(u.LastAt.Truncate(time.Hour)), u.Allowed, u.Refused)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO credential_clients (credential_id, agent, address, version, last_at, allowed, refused)
		SELECT t.id,
			CASE WHEN (SELECT count(*) FROM credential_clients c WHERE c.credential_id = t.id AND c.agent <> $2) < $8
				THEN CAST($2 AS TEXT) ELSE CAST($9 AS TEXT) END,
			CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT)
		FROM `+credentials+` t WHERE t.id = $1
		ON CONFLICT (credential_id, agent) DO UPDATE
		SET address = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.address ELSE excluded.address END,
			version = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.version ELSE excluded.version END,
			last_at = CASE WHEN excluded.last_at < credential_clients.last_at THEN credential_clients.last_at ELSE excluded.last_at END,
			allowed = credential_clients.allowed + excluded.allowed,
			refused = credential_clients.refused + excluded.refused`,
		u.CredentialID, u.Agent, u.Address, u.Version, millis(u.LastAt), u.Allowed, u.Refused, MaxClients, OtherClients)
	if err != nil || u.SpokeFor == "" || u.Allowed == 0 {
		return err
	}
	_, err = tx.exec(ctx, `
		INSERT INTO token_logins (token_id, login, version, last_at, calls)
		SELECT id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM tokens t
		WHERE id = $1 AND EXISTS (SELECT 1 FROM users u WHERE u.login_key = $6 AND u.organization_id = t.organization_id)
		ON CONFLICT (token_id, login, version) DO UPDATE
		SET last_at = CASE WHEN excluded.last_at < token_logins.last_at THEN token_logins.last_at ELSE excluded.last_at END,
			calls = token_logins.calls + excluded.calls`,
		u.CredentialID, u.SpokeFor, u.Version, millis(u.LastAt), u.Allowed, names.Key(u.SpokeFor))
	return err
}

// maxSpoken is for how many users and versions it is read what an organization token did.
const maxSpoken = 1000

// UseOf returns how a credential was used, seen from now.
func (q queries) UseOf(ctx context.Context, credential keyporter.ID, now time.Time) (keyporter.TokenUse, error) {
	all, err := q.UsesOf(ctx, []keyporter.ID{credential}, now)
	return all[credential], err
}

// UsesOf returns how each of the credentials was used, seen from now. One that nobody used isn't in the map.
func (q queries) UsesOf(ctx context.Context, credentials []keyporter.ID, now time.Time) (map[keyporter.ID]keyporter.TokenUse, error) {
	uses := map[keyporter.ID]keyporter.TokenUse{}
	if len(credentials) == 0 {
		return uses, nil
	}
	for _, add := range []func(context.Context, map[keyporter.ID]keyporter.TokenUse, []keyporter.ID, time.Time) error{q.addHours, q.addClients, q.addSpoken} {
		if err := add(ctx, uses, credentials, now); err != nil {
			return nil, err
		}
	}
	return uses, nil
}

func (q queries) addHours(ctx context.Context, uses map[keyporter.ID]keyporter.TokenUse, credentials []keyporter.ID, now time.Time) error {
	first := now.Truncate(time.Hour).Add(-time.Duration(len(keyporter.TokenUse{}.Hours)-1) * time.Hour)
	marks, args := among(credentials, millis(first))
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
	marks, args := among(credentials)
	clients, err := list(ctx, q.q, scanClientUse, `
		SELECT credential_id, agent, address, version, last_at, allowed, refused FROM credential_clients
		WHERE credential_id IN `+marks+`
		ORDER BY credential_id, last_at DESC, agent`, args...)
	if err != nil {
		return fmt.Errorf("find clients of credentials: %w", err)
	}
	for _, c := range clients {
		use := uses[c.credential]
		use.Clients = append(use.Clients, c.what)
		uses[c.credential] = use
	}
	return nil
}

func (q queries) addSpoken(ctx context.Context, uses map[keyporter.ID]keyporter.TokenUse, credentials []keyporter.ID, _ time.Time) error {
	marks, args := among(credentials, maxSpoken)
	spoken, err := list(ctx, q.q, scanSpokenUse, `
		SELECT token_id, login, version, last_at, calls
		FROM (SELECT token_id, login, version, last_at, calls,
				row_number() OVER (PARTITION BY token_id ORDER BY last_at DESC, login, version) AS n
			FROM token_logins WHERE token_id IN `+marks+`) l
		WHERE n <= $1
		ORDER BY token_id, n`, args...)
	if err != nil {
		return fmt.Errorf("find for whom tokens spoke: %w", err)
	}
	for _, s := range spoken {
		use := uses[s.credential]
		use.SpokeFor = append(use.SpokeFor, s.what)
		uses[s.credential] = use
	}
	return nil
}

// of is something that was counted of a credential.
type of[T any] struct {
	credential keyporter.ID
	what       T
}

func scanSpokenUse(row scanner) (s of[keyporter.SpokenUse], err error) {
	var last int64
	err = row.Scan(&s.credential, &s.what.Login, &s.what.Version, &last, &s.what.Calls)
	s.what.LastAt = fromMillis(last)
	return s, err
}

// OrganizationTokenUse is an organization token and when it was used.
type OrganizationTokenUse struct {
	TokenID        keyporter.ID
	OrganizationID keyporter.ID
	Name           string    // of the organization
	Granted        bool      // the organization has the flag OrganizationApiToken
	LastAt         time.Time // zero: never
}

// OrganizationTokenUses returns the organization tokens of the instance, by organization.
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

func scanClientUse(row scanner) (c of[keyporter.ClientUse], err error) {
	var last int64
	err = row.Scan(&c.credential, &c.what.Agent, &c.what.Address, &c.what.Version, &last, &c.what.Allowed, &c.what.Refused)
	c.what.LastAt = fromMillis(last)
	return c, err
}

// forgetUses deletes what was counted of a credential that is about to go.
func (tx *Tx) forgetUses(ctx context.Context, credential keyporter.ID) error {
	for _, query := range []string{
		`DELETE FROM credential_hours WHERE credential_id = $1`,
		`DELETE FROM credential_clients WHERE credential_id = $1`,
		`DELETE FROM credential_refusals WHERE credential_id = $1`,
	} {
		if _, err := tx.exec(ctx, query, credential); err != nil {
			return explain(err)
		}
	}
	return nil
}
