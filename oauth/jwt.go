package oauth

import (
	"context"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

const idTokenLifetime = 10 * time.Minute

// idTokenAlgorithm returns the algorithm that an app's ID tokens are signed with.
func idTokenAlgorithm(app *keyporter.App) jose.SignatureAlgorithm {
	if app.ES256 {
		return jose.ES256
	}
	return jose.RS256
}

// idToken returns an ID token about the user of a grant (OpenID Connect Core §2).
func (s *server) idToken(ctx context.Context, app *keyporter.App, grant keyporter.Grant, kept grantRequest) (string, error) {
	now := s.Grants.Now()
	claims := map[string]any{
		"iss": s.Issuer, "sub": string(grant.UserID), "org_id": string(grant.OrganizationID), "aud": string(grant.AppID), "iat": now.Unix(), "exp": now.Add(idTokenLifetime).Unix(),
	}
	if kept.Nonce != "" {
		claims["nonce"] = kept.Nonce
	}
	if kept.SignedInAt != 0 {
		claims["auth_time"] = kept.SignedInAt
	}
	return s.keys.sign(ctx, idTokenAlgorithm(app), "JWT", claims)
}

// accessClaims are the claims of a JWT access token (RFC 9068 §2.2).
type accessClaims struct {
	jwt.Claims

	ClientID     string        `json:"client_id"`
	Organization keyporter.ID  `json:"org_id,omitempty"`
	Scope        string        `json:"scope"`
	Confirmation *confirmation `json:"cnf,omitempty"`
}

type confirmation struct {
	KeyHash string `json:"jkt"` // RFC 9449 §6.1
}

// accessJWT returns an access token that APIs can check themselves, with our public keys. Everyone
// who asks Keyporter about it gets the same answer as about any other access token: all of them are
// found by the hash of their text, so nothing here ever reads one.
func (s *server) accessJWT(ctx context.Context, grant keyporter.Grant, access keyporter.AccessToken) (string, error) {
	claims := accessClaims{
		Claims: jwt.Claims{
			Issuer: s.Issuer, Subject: string(grant.UserID), Audience: access.Resources, ID: string(access.ID),
			IssuedAt: jwt.NewNumericDate(access.CreatedAt), Expiry: jwt.NewNumericDate(access.ExpiresAt),
		},
		ClientID: string(grant.AppID), Organization: grant.OrganizationID, Scope: strings.Join(access.Scopes, " "),
	}
	if grant.UserID == "" {
		claims.Subject = string(grant.AppID)
	}
	if len(claims.Audience) == 0 {
		claims.Audience = jwt.Audience{s.Issuer} // aud is required (RFC 9068 §3)
	}
	if access.KeyHash != "" {
		claims.Confirmation = &confirmation{access.KeyHash}
	}
	return s.keys.sign(ctx, jose.ES256, keyporter.AccessTokenJWT, claims)
}

// hintedUser returns the user in an ID token that was issued to the app here. It may have
// expired (OpenID Connect Core §3.1.2.1).
func (s *server) hintedUser(ctx context.Context, hint string, app keyporter.ID) (keyporter.ID, error) {
	if hint == "" {
		return "", nil
	}
	bad := web.Invalid("id_token_hint isn't an ID token issued to the app here.")
	token, err := jwt.ParseSigned(hint, signingAlgorithms())
	if err != nil || len(token.Headers) != 1 || token.Headers[0].ExtraHeaders[jose.HeaderType] == keyporter.AccessTokenJWT {
		return "", bad
	}
	key, err := s.keys.public(ctx, token.Headers[0].KeyID)
	if err != nil {
		return "", err
	}
	var claims jwt.Claims
	if key == nil || token.Claims(key.Key, &claims) != nil || claims.Issuer != s.Issuer || !claims.Audience.Contains(string(app)) {
		return "", bad
	}
	return keyporter.ID(claims.Subject), nil
}

// unix returns a time in Unix seconds, or 0 for the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
