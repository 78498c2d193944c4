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

// UseOf returns how a token, or a connection, was used, seen from now.
func (q queries) UseOf(ctx context.Context, credential keyporter.ID, now time.Time) (use keyporter.TokenUse, err error) {
	first := now.Truncate(time.Hour).Add(-time.Duration(len(use.Hours)-1) * time.Hour)
	hours, err := list(ctx, q.q, scanHour, `
		SELECT hour, allowed, refused FROM credential_hours WHERE credential_id = $1 AND hour >= $2 ORDER BY hour`, credential, millis(first))
	if err != nil {
		return use, fmt.Errorf("find use of credential: %w", err)
	}
	for _, h := range hours {
		use.Allowed += h.allowed
		use.Refused += h.refused
		if i := int(h.start.Sub(first) / time.Hour); i < len(use.Hours) {
			use.Hours[i] = h.allowed
		}
	}
	use.Clients, err = list(ctx, q.q, scanClientUse, `
		SELECT agent, address, version, last_at, allowed, refused
		FROM credential_clients WHERE credential_id = $1 ORDER BY last_at DESC, agent`, credential)
	if err != nil {
		return use, fmt.Errorf("find clients of credential: %w", err)
	}
	use.SpokeFor, err = list(ctx, q.q, scanSpokenUse, `
		SELECT login, version, last_at, calls
		FROM token_logins WHERE token_id = $1 ORDER BY last_at DESC, login, version LIMIT 1000`, credential)
	return use, err
}

func scanSpokenUse(row scanner) (s keyporter.SpokenUse, err error) {
	var last int64
	err = row.Scan(&s.Login, &s.Version, &last, &s.Calls)
	s.LastAt = fromMillis(last)
	return s, err
}

// Dependent is an organization that has organization tokens, and what depends on them.
type Dependent struct {
	OrganizationID keyporter.ID
	Name           string
	Granted        bool // it has the flag OrganizationApiToken
	Tokens         int
	Used           int       // of them, since the time that was asked for
	LastAt         time.Time // zero: none was ever used
}

// Dependents returns the organizations that have organization tokens, those that used them last first.
func (q queries) Dependents(ctx context.Context, since time.Time) ([]Dependent, error) {
	all, err := list(ctx, q.q, scanDependent, `
		SELECT o.id, o.name,
			EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $2),
			count(*), sum(CASE WHEN t.last_at >= $1 THEN 1 ELSE 0 END), max(t.last_at)
		FROM organizations o
		JOIN (SELECT organization_id, coalesce((SELECT max(last_at) FROM credential_clients c WHERE c.credential_id = tokens.id), 0) AS last_at
			FROM tokens WHERE kind = 'organization') t ON t.organization_id = o.id
		GROUP BY o.id, o.name
		ORDER BY max(t.last_at) DESC, o.id`, millis(since), keyporter.FlagOrganizationAPIToken)
	if err != nil {
		return nil, fmt.Errorf("list who depends on organization tokens: %w", err)
	}
	return all, nil
}

func scanDependent(row scanner) (d Dependent, err error) {
	var last int64
	err = row.Scan(&d.OrganizationID, &d.Name, &d.Granted, &d.Tokens, &d.Used, &last)
	d.LastAt = fromMillis(last)
	return d, err
}

type hour struct {
	start            time.Time
	allowed, refused int
}

func scanHour(row scanner) (h hour, err error) {
	var start int64
	err = row.Scan(&start, &h.allowed, &h.refused)
	h.start = fromMillis(start)
	return h, err
}

func scanClientUse(row scanner) (c keyporter.ClientUse, err error) {
	var last int64
	err = row.Scan(&c.Agent, &c.Address, &c.Version, &last, &c.Allowed, &c.Refused)
	c.LastAt = fromMillis(last)
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
