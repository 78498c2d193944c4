package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Credential is everything a check has to know about a token, its owner and their organization.
type Credential struct {
	TokenID                keyporter.ID
	Kind                   keyporter.CredentialKind
	Enabled                bool // always true for an access token
	ExpiresAt              time.Time
	CreatedAt              time.Time
	Standing               // of the owner, or of the user the app acts for; zero with an app token
	OrganizationID         keyporter.ID
	OrganizationActive     bool
	FlagAPI                bool    // the organization has the flag Api
	FlagOrganizationTokens bool    // the organization has the flag OrganizationApiToken
	Access                 *Access // nil with an API token
}

// Access is what only access tokens have.
type Access struct {
	AppID        keyporter.ID
	AppName      string
	AppState     keyporter.AppState
	AppAllowed   bool         // the organization lets its users connect the app
	ConnectionID keyporter.ID // empty with an app token
	Issued       []string     // the scopes the token was issued with
	Permitted    []string     // those of Issued that the connection still permits
	Scopes       []string     // those of Permitted that the app still has
	Resources    []string     // the APIs it is for; none: all
	KeyHash      string       // thumbprint of the key it is bound to; empty: a bearer token
}

const credentialColumns = `
	EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $2),
	EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $3),` + standingColumns

const selectCredential = `
	SELECT t.id, t.kind, t.enabled, t.expires_at, t.created_at, o.id, o.active,` + credentialColumns

const joinCredential = `
	JOIN users u ON u.id = t.owner_id
	JOIN organizations o ON o.id = t.organization_id`

// selectAccess selects access tokens t of grants g. An app of another organization is never
// allowed, whatever this organization's policy says.
const selectAccess = `
	SELECT t.id, t.expires_at, t.created_at, t.scopes, t.resources, t.key_hash, coalesce(c.id, ''), coalesce(c.scopes, t.scopes), a.scopes,
		a.id, a.name, a.state, coalesce(a.organization_id, o.id, '') = coalesce(o.id, '') AND (c.id IS NULL OR ` + allowsApp + `),
		coalesce(o.id, ''), coalesce(o.active, FALSE),` + credentialColumns

const joinAccess = `
	JOIN apps a ON a.id = g.app_id
	LEFT JOIN connections c ON c.id = g.connection_id
	LEFT JOIN users u ON u.id = c.user_id
	LEFT JOIN organizations o ON o.id = coalesce(u.organization_id, a.organization_id)`

// CredentialsByHash returns the credentials of the API tokens whose secrets have these hashes; of
// several, not those of blocked users. It makes one query for several.
func (q queries) CredentialsByHash(ctx context.Context, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]Credential, error) {
	return q.credentials(ctx, scanCredential, selectCredential+`, s.hash
		FROM token_secrets s JOIN tokens t ON t.id = s.token_id`+joinCredential+`
		WHERE s.hash IN ($hashes)`, hashes)
}

// AccessByHash returns the credentials of the access tokens with these hashes, without those
// whose grant was revoked, and of several, without those of blocked users. It makes one query
// for several.
func (q queries) AccessByHash(ctx context.Context, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]Credential, error) {
	return q.credentials(ctx, scanAccess, selectAccess+`, t.hash
		FROM access_tokens t JOIN grants g ON g.id = t.grant_id`+joinAccess+`
		WHERE t.hash IN ($hashes) AND g.revoked_at = 0`, hashes)
}

// CredentialByToken returns the credential of an API token.
func (q queries) CredentialByToken(ctx context.Context, token keyporter.ID) (Credential, error) {
	return q.credential(ctx, scanCredential, selectCredential+` FROM tokens t`+joinCredential+` WHERE t.id = $4`, token)
}

// CredentialByConnection returns the credential of an access token that had all the scopes of a
// connection.
func (q queries) CredentialByConnection(ctx context.Context, connection keyporter.ID) (Credential, error) {
	return q.credential(ctx, scanAccess, selectAccess+`
		FROM (SELECT '' AS id, 0 AS expires_at, 0 AS created_at, scopes, '' AS resources, '' AS key_hash, id AS connection_id, app_id FROM connections WHERE id = $4) t
		JOIN (SELECT id AS connection_id, app_id FROM connections) g ON g.connection_id = t.connection_id`+joinAccess, connection)
}

func (q queries) credential(ctx context.Context, scan func(scanner) (Credential, error), query string, arg any) (Credential, error) {
	c, err := one(ctx, q.q, scan, query, keyporter.PermissionUseAPI, keyporter.FlagAPI, keyporter.FlagOrganizationAPIToken, arg)
	if err == nil {
		err = q.nameBlockers(ctx, &c.Standing)
	}
	if err != nil {
		return c, fmt.Errorf("find credential: %w", err)
	}
	return c, nil
}

// credentials runs a query for the rows with these hashes, which it puts in the place of ($hashes).
// The hash is the last column. Of several, it leaves out those of blocked users, because it
// takes more queries to name the roles that block.
func (q queries) credentials(ctx context.Context, scan func(scanner) (Credential, error), query string, hashes []keyporter.SecretHash) (map[keyporter.SecretHash]Credential, error) {
	values := make([][]byte, len(hashes))
	for i := range hashes {
		values[i] = hashes[i][:]
	}
	type hashed struct {
		Credential
		hash []byte
	}
	marks, args := placeholders(values, keyporter.PermissionUseAPI, keyporter.FlagAPI, keyporter.FlagOrganizationAPIToken)
	rows, err := list(ctx, q.q, func(row scanner) (h hashed, err error) {
		h.Credential, err = scan(alsoScans{row, &h.hash})
		return h, err
	}, strings.Replace(query, "($hashes)", marks, 1), args...)
	found := make(map[keyporter.SecretHash]Credential, len(rows))
	for i := 0; i < len(rows) && err == nil; i++ {
		if rows[i].Blocked && len(hashes) > 1 {
			continue
		}
		err = q.nameBlockers(ctx, &rows[i].Standing)
		found[keyporter.SecretHash(rows[i].hash)] = rows[i].Credential
	}
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	return found, nil
}

func scanCredential(row scanner) (c Credential, err error) {
	var expires, created int64
	var kind keyporter.TokenKind
	var owner standingRow
	err = row.Scan(append([]any{
		&c.TokenID, &kind, &c.Enabled, &expires, &created, &c.OrganizationID, &c.OrganizationActive,
		&c.FlagAPI, &c.FlagOrganizationTokens,
	}, owner.dest()...)...)
	c.Kind = keyporter.CredentialUserToken
	if kind == keyporter.OrganizationToken {
		c.Kind = keyporter.CredentialOrganizationToken
	}
	c.ExpiresAt, c.CreatedAt, c.Standing = fromMillis(expires), fromMillis(created), owner.standing()
	return c, err
}

func scanAccess(row scanner) (c Credential, err error) {
	var expires, created int64
	var issued, permitted, own, resources string
	var user standingRow
	a := &Access{}
	err = row.Scan(append([]any{
		&c.TokenID, &expires, &created, &issued, &resources, &a.KeyHash, &a.ConnectionID, &permitted, &own,
		&a.AppID, &a.AppName, &a.AppState, &a.AppAllowed, &c.OrganizationID, &c.OrganizationActive,
		&c.FlagAPI, &c.FlagOrganizationTokens,
	}, user.dest()...)...)
	c.Kind, c.Enabled, c.Access = keyporter.CredentialAccessToken, true, a
	if a.ConnectionID == "" {
		c.Kind = keyporter.CredentialAppToken
	}
	c.ExpiresAt, c.CreatedAt, c.Standing = fromMillis(expires), fromMillis(created), user.standing()
	a.Issued, a.Resources = strings.Fields(issued), strings.Fields(resources)
	a.Permitted = intersect(issued, permitted)
	a.Scopes = held(a.Permitted, own)
	return c, err
}

// SecretHashesOf returns the hashes of the secrets of API tokens and access tokens.
func (q queries) SecretHashesOf(ctx context.Context, tokens ...keyporter.ID) ([]keyporter.SecretHash, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	marks, args := placeholders(tokens)
	return list(ctx, q.q, scanHash, `
		SELECT hash FROM token_secrets WHERE token_id IN `+marks+`
		UNION ALL SELECT hash FROM access_tokens WHERE id IN `+marks+`
		ORDER BY hash`, args...)
}

// EachSecretHash calls f with the hash of every secret that a call can carry.
func (q queries) EachSecretHash(ctx context.Context, f func(keyporter.SecretHash)) error {
	rows, err := q.q.QueryContext(ctx, `SELECT hash FROM token_secrets UNION ALL SELECT hash FROM access_tokens`)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		h, err := scanHash(rows)
		if err != nil {
			return err
		}
		f(h)
	}
	return explain(rows.Err())
}

func scanHash(row scanner) (h keyporter.SecretHash, err error) {
	var b []byte
	if err := row.Scan(&b); err != nil {
		return h, err
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("a stored hash has %d bytes", len(b))
	}
	return keyporter.SecretHash(b), nil
}
