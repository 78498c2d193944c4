package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Credential is all that a check has to know of a token: itself, its owner, and what
// stands between him and the API.
type Credential struct {
	TokenID            keyporter.ID
	Kind               keyporter.TokenKind
	Enabled            bool
	ExpiresAt          time.Time
	UserID             keyporter.ID
	Login              string
	UserActive         bool
	OrganizationID     keyporter.ID
	OrganizationActive bool
	FlagAPI            bool // the organization has the flag Api
	Granted, Blocked   bool // a role of the owner grants api.use, or blocks it
}

// CredentialByHash returns what the secret with that hash opens, in one query.
func (q queries) CredentialByHash(ctx context.Context, hash keyporter.SecretHash) (Credential, error) {
	c, err := one(ctx, q.q, scanCredential, `
		SELECT t.id, t.kind, t.enabled, t.expires_at, u.id, u.login, u.active, o.id, o.active,
			EXISTS (SELECT 1 FROM organization_flags f WHERE f.organization_id = o.id AND f.flag = $2),
			coalesce((SELECT string_agg(ur.role_id, ' ') FROM user_roles ur WHERE ur.user_id = u.id), ''),
			coalesce((SELECT max(e.effect) FROM user_roles ur JOIN role_effects e ON e.role_id = ur.role_id
				WHERE ur.user_id = u.id AND e.permission = $3), 0),
			coalesce((SELECT min(e.effect) FROM user_roles ur JOIN role_effects e ON e.role_id = ur.role_id
				WHERE ur.user_id = u.id AND e.permission = $3), 0)
		FROM token_secrets s
		JOIN tokens t ON t.id = s.token_id
		JOIN users u ON u.id = t.owner_id
		JOIN organizations o ON o.id = t.organization_id
		WHERE s.hash = $1`, hash[:], keyporter.FlagAPI, keyporter.PermissionUseAPI)
	if err != nil {
		return c, fmt.Errorf("find credential: %w", err)
	}
	return c, nil
}

func scanCredential(row scanner) (c Credential, err error) {
	var expires int64
	var roles string
	var highest, lowest keyporter.Effect
	err = row.Scan(&c.TokenID, &c.Kind, &c.Enabled, &expires, &c.UserID, &c.Login, &c.UserActive,
		&c.OrganizationID, &c.OrganizationActive, &c.FlagAPI, &roles, &highest, &lowest)
	c.ExpiresAt = fromMillis(expires)
	c.Granted, c.Blocked = highest == keyporter.Grant, lowest == keyporter.Block
	for id := range strings.FieldsSeq(roles) {
		r, _ := keyporter.PredefinedRole(keyporter.ID(id))
		c.Granted = c.Granted || r.Effects[keyporter.PermissionUseAPI] == keyporter.Grant
	}
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
