package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// UsedToken is a token with its owner's login name and the clients that used it, latest first.
type UsedToken struct {
	keyporter.Token
	Login   string
	Clients []keyporter.ClientUse
}

// Uses selects tokens by when they were used.
type Uses struct {
	OrganizationID keyporter.ID
	OwnerID        keyporter.ID // empty: any
	Since          time.Time
	Now            time.Time // tokens that have expired by then are left out
}

// UsableTokens returns the tokens that are enabled, haven't expired, and belong to an active
// user. They are ordered by login name and age, and have all their clients, no matter when those
// last called. It leaves First and Last empty.
func (q queries) UsableTokens(ctx context.Context, u Uses) ([]UsedToken, error) {
	rows, err := list(ctx, q.q, scanUsedToken, `
		SELECT t.id, t.organization_id, t.owner_id, t.kind, t.name, t.enabled, t.expires_at, t.created_at, u.login,
			coalesce(c.agent, ''), coalesce(c.address, ''), coalesce(c.version, ''), coalesce(c.last_at, 0), coalesce(c.allowed, 0), coalesce(c.refused, 0), coalesce(c.refused_at, 0)
		FROM tokens t
		JOIN users u ON u.id = t.owner_id
		LEFT JOIN credential_clients c ON c.credential_id = t.id
		WHERE t.organization_id = $1 AND ($2 = '' OR t.owner_id = $2)
			AND t.enabled AND (t.expires_at = 0 OR t.expires_at > $3) AND u.active
		ORDER BY u.login_key, t.id, c.last_at DESC, c.agent`, u.OrganizationID, u.OwnerID, millis(u.Now))
	if err != nil {
		return nil, fmt.Errorf("list tokens and their clients: %w", err)
	}
	var tokens []UsedToken
	for _, r := range rows {
		if n := len(tokens); n > 0 && tokens[n-1].ID == r.ID {
			tokens[n-1].Clients = append(tokens[n-1].Clients, r.Clients...)
			continue
		}
		tokens = append(tokens, r)
	}
	return tokens, nil
}

// scanUsedToken scans a token with one of its clients, if it has any.
func scanUsedToken(row scanner) (t UsedToken, err error) {
	var expires, created, last, refused int64
	var c keyporter.ClientUse
	err = row.Scan(&t.ID, &t.OrganizationID, &t.OwnerID, &t.Kind, &t.Name, &t.Enabled, &expires, &created, &t.Login,
		&c.Agent, &c.Address, &c.Version, &last, &c.Allowed, &c.Refused, &refused)
	t.ExpiresAt, t.CreatedAt, c.LastAt = fromMillis(expires), fromMillis(created), fromMillis(last)
	c.RefusedAt = fromMillis(refused)
	if last != 0 {
		t.Clients = []keyporter.ClientUse{c}
	}
	return t, err
}

// ActingToken is an organization token that acted for a user.
type ActingToken struct {
	TokenID, OwnerID keyporter.ID
	Name             string
	Login            string         // of the owner
	OwnerRoleIDs     []keyporter.ID // sorted
	ActedFor         string         // login name; empty: for nobody since Uses.Since
	LastAt           time.Time
}

// ActingTokens returns the organization tokens that are enabled, haven't expired, and belong to an
// active user: one entry for each user the token acted for since u.Since, or a single entry
// without a user if there is none.
func (q queries) ActingTokens(ctx context.Context, u Uses) ([]ActingToken, error) {
	all, err := list(ctx, q.q, scanActingToken, `
		SELECT t.id, t.owner_id, t.name, u.login, coalesce(l.login, ''), coalesce(max(l.last_at), 0),
			coalesce((SELECT string_agg(ur.role_id, ' ') FROM user_roles ur WHERE ur.user_id = t.owner_id), '')
		FROM tokens t
		JOIN users u ON u.id = t.owner_id
		LEFT JOIN token_logins l ON l.token_id = t.id AND l.last_at >= $3
		WHERE t.organization_id = $1 AND t.kind = 'organization'
			AND t.enabled AND (t.expires_at = 0 OR t.expires_at > $2) AND u.active
		GROUP BY t.id, t.owner_id, t.name, u.login, l.login
		ORDER BY l.login, t.id`, u.OrganizationID, millis(u.Now), millis(u.Since))
	if err != nil {
		return nil, fmt.Errorf("list the users tokens acted for: %w", err)
	}
	return all, nil
}

func scanActingToken(row scanner) (s ActingToken, err error) {
	var last int64
	var roles string
	err = row.Scan(&s.TokenID, &s.OwnerID, &s.Name, &s.Login, &s.ActedFor, &last, &roles)
	s.LastAt, s.OwnerRoleIDs = fromMillis(last), splitIDs(roles)
	return s, err
}
