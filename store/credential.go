package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Credential is all that a check has to know of a token: itself, how its owner stands,
// and his organization.
type Credential struct {
	TokenID                keyporter.ID
	Kind                   keyporter.TokenKind
	Enabled                bool
	ExpiresAt              time.Time
	Standing               // of the owner
	OrganizationID         keyporter.ID
	OrganizationActive     bool
	FlagAPI                bool // the organization has the flag Api
	FlagOrganizationTokens bool // it has the flag OrganizationApiToken
}

const selectCredential = `
	SELECT t.id, t.kind, t.enabled, t.expires_at, o.id, o.active,
		EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $3),
		EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $4),` + standingColumns + `
	FROM tokens t
	JOIN users u ON u.id = t.owner_id
	JOIN organizations o ON o.id = t.organization_id`

// CredentialByHash returns what the secret with that hash opens, in one query.
func (q queries) CredentialByHash(ctx context.Context, hash keyporter.SecretHash) (Credential, error) {
	return q.credential(ctx, selectCredential+` JOIN token_secrets s ON s.token_id = t.id WHERE s.hash = $1`, hash[:])
}

// CredentialByToken returns what the secrets of a token open.
func (q queries) CredentialByToken(ctx context.Context, token keyporter.ID) (Credential, error) {
	return q.credential(ctx, selectCredential+` WHERE t.id = $1`, token)
}

func (q queries) credential(ctx context.Context, query string, arg any) (Credential, error) {
	c, err := one(ctx, q.q, scanCredential, query, arg, keyporter.PermissionUseAPI, keyporter.FlagAPI, keyporter.FlagOrganizationAPIToken)
	if err == nil {
		err = q.nameBlockers(ctx, &c.Standing)
	}
	if err != nil {
		return c, fmt.Errorf("find credential: %w", err)
	}
	return c, nil
}

func scanCredential(row scanner) (c Credential, err error) {
	var expires int64
	var owner standingRow
	err = row.Scan(append([]any{
		&c.TokenID, &c.Kind, &c.Enabled, &expires, &c.OrganizationID, &c.OrganizationActive,
		&c.FlagAPI, &c.FlagOrganizationTokens,
	}, owner.dest()...)...)
	c.ExpiresAt, c.Standing = fromMillis(expires), owner.standing()
	return c, err
}

// SecretHashesOf returns the hashes of the secrets of a token.
func (q queries) SecretHashesOf(ctx context.Context, token keyporter.ID) ([]keyporter.SecretHash, error) {
	return list(ctx, q.q, scanHash, `SELECT hash FROM token_secrets WHERE token_id = $1 ORDER BY hash`, token)
}

// EachSecretHash calls f with the hash of every secret there is.
func (q queries) EachSecretHash(ctx context.Context, f func(keyporter.SecretHash)) error {
	rows, err := q.q.QueryContext(ctx, `SELECT hash FROM token_secrets`)
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
