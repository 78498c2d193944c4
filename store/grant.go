package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

const selectGrant = `
	SELECT g.id, g.app_id, coalesce(g.connection_id, ''), coalesce(c.user_id, ''), coalesce(c.organization_id, ''), coalesce(u.login, ''),
		g.scopes, coalesce(c.scopes, g.scopes), a.scopes, g.resources, g.key_hash, g.request,
		g.code_expires_at, g.code_used_at, g.device_expires_at, g.device_used_at, g.created_at, g.ends_at, g.revoked_at
	FROM grants g JOIN apps a ON a.id = g.app_id LEFT JOIN connections c ON c.id = g.connection_id LEFT JOIN users u ON u.id = c.user_id`

// InsertGrant writes a new grant. Its request must be sealed. code and device are the hashes of
// the codes that redeem it, or nil if it has none. If its app or connection doesn't exist anymore,
// the error is NotFound.
func (tx *Tx) InsertGrant(ctx context.Context, g keyporter.Grant, code, device *keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `
		INSERT INTO grants (id, app_id, connection_id, scopes, resources, key_hash, request,
			code, code_expires_at, code_used_at, device, device_expires_at, device_used_at, created_at, ends_at, revoked_at)
		VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, 0, $10, $11, 0, $12, $13, 0)`,
		g.ID, g.AppID, g.ConnectionID, strings.Join(g.Scopes, " "), strings.Join(g.Resources, " "), g.KeyHash, g.Request,
		hashOrNull(code), millis(g.CodeEndsAt), hashOrNull(device), millis(g.DeviceEndsAt), millis(g.CreatedAt), millis(g.EndsAt))
	if err != nil {
		return fmt.Errorf("insert grant: %w", explainChild(err))
	}
	return nil
}

// PutOwnGrant writes a grant of an app's own, and returns its ID. If there is one that gives the
// same, that one keeps its ID and ends no earlier than g. If its app doesn't exist anymore, the
// error is NotFound.
func (tx *Tx) PutOwnGrant(ctx context.Context, g keyporter.Grant) (keyporter.ID, error) {
	id, err := one(ctx, tx.q, scanString[keyporter.ID], `
		INSERT INTO grants (id, app_id, own_key, scopes, resources, key_hash, request,
			code_expires_at, code_used_at, device_expires_at, device_used_at, created_at, ends_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, $8, $9, 0)
		ON CONFLICT (own_key) WHERE own_key IS NOT NULL AND revoked_at = 0
		DO UPDATE SET ends_at = CASE WHEN excluded.ends_at > grants.ends_at THEN excluded.ends_at ELSE grants.ends_at END
		RETURNING id`,
		g.ID, g.AppID, ownKey(g), strings.Join(g.Scopes, " "), strings.Join(g.Resources, " "), g.KeyHash, g.Request, millis(g.CreatedAt), millis(g.EndsAt))
	if err != nil {
		return "", fmt.Errorf("put grant: %w", explainChild(err))
	}
	return id, nil
}

// ownKey returns what identifies a grant of an app's own: what it gives, and to whom.
func ownKey(g keyporter.Grant) []byte {
	key := sha256.Sum256([]byte(strings.Join([]string{string(g.AppID), strings.Join(g.Scopes, " "), strings.Join(g.Resources, " "), g.KeyHash}, "\x00")))
	return key[:]
}

func hashOrNull(h *keyporter.SecretHash) any {
	if h == nil {
		return nil
	}
	return h[:]
}

// UseCode records that the code of a grant was redeemed, and the key its tokens are bound to. If
// the code was used before or has expired, or the grant was revoked, the error is NotFound. Of
// several simultaneous attempts, one succeeds.
func (tx *Tx) UseCode(ctx context.Context, grant keyporter.ID, keyHash string, at time.Time) error {
	return tx.execOrNotFound(ctx, `
		UPDATE grants SET code_used_at = $2, key_hash = $3
		WHERE id = $1 AND code IS NOT NULL AND code_used_at = 0 AND code_expires_at > $2 AND revoked_at = 0`, grant, millis(at), keyHash)
}

// UseDeviceCode is UseCode for a device code.
func (tx *Tx) UseDeviceCode(ctx context.Context, grant keyporter.ID, keyHash string, at time.Time) error {
	return tx.execOrNotFound(ctx, `
		UPDATE grants SET device_used_at = $2, key_hash = $3
		WHERE id = $1 AND device IS NOT NULL AND device_used_at = 0 AND device_expires_at > $2 AND revoked_at = 0`, grant, millis(at), keyHash)
}

// KeepGrant makes other transactions that would revoke the grant wait until this one ends, and
// sets the key its tokens are bound to. If the grant is already revoked, the error is NotFound.
func (tx *Tx) KeepGrant(ctx context.Context, grant keyporter.ID, keyHash string) error {
	return tx.execOrNotFound(ctx, `UPDATE grants SET key_hash = $2 WHERE id = $1 AND revoked_at = 0`, grant, keyHash)
}

// RevokeGrant revokes a grant, deletes all its tokens, and reports whether that changed anything.
// With unused, it only revokes a grant whose code was never redeemed.
func (tx *Tx) RevokeGrant(ctx context.Context, grant keyporter.ID, unused bool, at time.Time) (changed bool, err error) {
	n, err := tx.exec(ctx, `
		UPDATE grants SET revoked_at = $2
		WHERE id = $1 AND revoked_at = 0 AND (NOT CAST($3 AS BOOLEAN) OR code_used_at = 0 AND device_used_at = 0)`, grant, millis(at), unused)
	if err != nil || n == 0 {
		return false, explain(err)
	}
	for _, query := range []string{`DELETE FROM access_tokens WHERE grant_id = $1`, `DELETE FROM refresh_tokens WHERE grant_id = $1`} {
		if _, err := tx.exec(ctx, query, grant); err != nil {
			return false, explain(err)
		}
	}
	return true, nil
}

// GrantByID returns a grant. Its request is sealed.
func (q queries) GrantByID(ctx context.Context, id keyporter.ID) (keyporter.Grant, error) {
	return q.grant(ctx, selectGrant+` WHERE g.id = $1`, id)
}

// GrantByCode returns the grant of an authorization code, even if the code no longer works.
func (q queries) GrantByCode(ctx context.Context, hash keyporter.SecretHash) (keyporter.Grant, error) {
	return q.grant(ctx, selectGrant+` WHERE g.code = $1`, hash[:])
}

// GrantByDeviceCode returns the grant of a device code, even if the code no longer works.
func (q queries) GrantByDeviceCode(ctx context.Context, hash keyporter.SecretHash) (keyporter.Grant, error) {
	return q.grant(ctx, selectGrant+` WHERE g.device = $1`, hash[:])
}

func (q queries) grant(ctx context.Context, query string, arg any) (keyporter.Grant, error) {
	g, err := one(ctx, q.q, scanGrant, query, arg)
	if err != nil {
		return g, fmt.Errorf("find grant: %w", err)
	}
	return g, nil
}

func scanGrant(row scanner) (g keyporter.Grant, err error) {
	var scopes, permitted, own, resources string
	var codeEnds, codeUsed, deviceEnds, deviceUsed, created, ends, revoked int64
	err = row.Scan(&g.ID, &g.AppID, &g.ConnectionID, &g.UserID, &g.OrganizationID, &g.Login, &scopes, &permitted, &own, &resources, &g.KeyHash, &g.Request,
		&codeEnds, &codeUsed, &deviceEnds, &deviceUsed, &created, &ends, &revoked)
	if err != nil {
		return g, err
	}
	g.Scopes, g.Resources = held(intersect(scopes, permitted), own), strings.Fields(resources)
	g.CodeEndsAt, g.CodeUsedAt, g.DeviceEndsAt, g.DeviceUsedAt = fromMillis(codeEnds), fromMillis(codeUsed), fromMillis(deviceEnds), fromMillis(deviceUsed)
	g.CreatedAt, g.EndsAt, g.RevokedAt = fromMillis(created), fromMillis(ends), fromMillis(revoked)
	return g, nil
}

// held returns the scopes that an app still has, of those that it was given. own is what apps.scopes has.
func held(given []string, own string) []string {
	app := keyporter.App{Scopes: splitScopes(own)}
	return slices.DeleteFunc(slices.Clone(given), func(s string) bool { return !app.Has(s) })
}

// intersect returns the words of a that are also in b.
func intersect(a, b string) []string {
	others := strings.Fields(b)
	return slices.DeleteFunc(strings.Fields(a), func(s string) bool { return !slices.Contains(others, s) })
}

// InsertRefreshToken writes the hash of a new refresh token. If its grant doesn't exist anymore, the
// error is NotFound.
func (tx *Tx) InsertRefreshToken(ctx context.Context, t keyporter.RefreshToken, hash keyporter.SecretHash) error {
	_, err := tx.exec(ctx, `
		INSERT INTO refresh_tokens (hash, grant_id, created_at, expires_at, used_at) VALUES ($1, $2, $3, $4, 0)`,
		hash[:], t.GrantID, millis(t.CreatedAt), millis(t.ExpiresAt))
	return explainChild(err)
}

// UseRefreshToken records that a refresh token was used, and reports whether it was the first time.
func (tx *Tx) UseRefreshToken(ctx context.Context, hash keyporter.SecretHash, at time.Time) (first bool, err error) {
	n, err := tx.exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1 AND used_at = 0`, hash[:], millis(at))
	return n > 0, explain(err)
}

// RefreshTokenByHash returns a refresh token, even one that was used or has expired.
func (q queries) RefreshTokenByHash(ctx context.Context, hash keyporter.SecretHash) (keyporter.RefreshToken, error) {
	scan := func(row scanner) (t keyporter.RefreshToken, err error) {
		var created, expires, used int64
		err = row.Scan(&t.GrantID, &created, &expires, &used)
		t.CreatedAt, t.ExpiresAt, t.UsedAt = fromMillis(created), fromMillis(expires), fromMillis(used)
		return t, err
	}
	return one(ctx, q.q, scan, `SELECT grant_id, created_at, expires_at, used_at FROM refresh_tokens WHERE hash = $1`, hash[:])
}

// ConnectionUsable reports whether a connection can be used: its user, organization and app are
// all active, and the organization allows the app.
func (q queries) ConnectionUsable(ctx context.Context, connection keyporter.ID) (bool, error) {
	scan := func(row scanner) (usable bool, err error) {
		err = row.Scan(&usable)
		return usable, err
	}
	usable, err := one(ctx, q.q, scan, `
		SELECT u.active AND o.active AND a.state = 'active' AND (`+allowsApp+`)
		FROM connections c
		JOIN users u ON u.id = c.user_id JOIN organizations o ON o.id = c.organization_id JOIN apps a ON a.id = c.app_id
		WHERE c.id = $1`, connection)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return false, nil
	}
	return usable, err
}
