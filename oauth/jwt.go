package oauth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

const (
	idTokenLifetime = 10 * time.Minute

	typeAccessJWT = "at+jwt" // RFC 9068 §2.1
)

// idToken returns an ID token about the user of a grant (OpenID Connect Core §2).
func (s *server) idToken(ctx context.Context, grant keyporter.Grant, kept grantRequest) (string, error) {
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
	return s.keys.sign(ctx, jose.RS256, "JWT", claims)
}

// accessClaims are the claims of a JWT access token (RFC 9068 §2.2).
type accessClaims struct {
	jwt.Claims

	ClientID     string        `json:"client_id"`
	Organization keyporter.ID  `json:"org_id,omitempty"`
	Scope        string        `json:"scope"`
	GrantID      keyporter.ID  `json:"grant_id,omitempty"` // userinfo checks that it is still usable
	Confirmation *confirmation `json:"cnf,omitempty"`
}

type confirmation struct {
	KeyHash string `json:"jkt"` // RFC 9449 §6.1
}

// accessJWT returns an access token that APIs check themselves, with our public keys.
func (s *server) accessJWT(ctx context.Context, grant keyporter.Grant, access keyporter.AccessToken, seconds int) (string, error) {
	now := s.Grants.Now()
	claims := accessClaims{
		Claims: jwt.Claims{
			Issuer: s.Issuer, Subject: string(grant.UserID), Audience: access.Resources, ID: random(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Duration(seconds) * time.Second)),
		},
		ClientID: string(grant.AppID), Organization: grant.OrganizationID, Scope: strings.Join(access.Scopes, " "), GrantID: grant.ID,
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
	return s.keys.sign(ctx, jose.ES256, typeAccessJWT, claims)
}

// readAccessJWT returns the access token in a JWT of ours, and its grant, if it works.
func (s *server) readAccessJWT(ctx context.Context, text string) (t keyporter.AccessToken, grant keyporter.Grant, err error) {
	bad := keyporter.Refuse(keyporter.NotFound, "There is no such access token.")
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(token.Headers) != 1 || token.Headers[0].ExtraHeaders[jose.HeaderType] != typeAccessJWT {
		return t, grant, bad
	}
	key, err := s.keys.public(ctx, token.Headers[0].KeyID)
	if err != nil {
		return t, grant, err
	}
	var claims accessClaims
	if key == nil || token.Claims(key.Key, &claims) != nil || claims.Expiry == nil ||
		claims.ValidateWithLeeway(jwt.Expected{Issuer: s.Issuer, Time: s.Grants.Now()}, 0) != nil {
		return t, grant, bad
	}
	if grant, err = s.Grants.UsableGrant(ctx, claims.GrantID); err != nil {
		return t, grant, err
	}
	t = keyporter.AccessToken{GrantID: grant.ID, Scopes: strings.Fields(claims.Scope)}
	t.Scopes = slices.DeleteFunc(t.Scopes, func(scope string) bool { return !slices.Contains(grant.Scopes, scope) })
	if claims.Confirmation != nil {
		t.KeyHash = claims.Confirmation.KeyHash
	}
	return t, grant, nil
}

// hintedUser returns the user in an ID token that was issued to the app here. It may have
// expired (OpenID Connect Core §3.1.2.1).
func (s *server) hintedUser(ctx context.Context, hint string, app keyporter.ID) (keyporter.ID, error) {
	if hint == "" {
		return "", nil
	}
	bad := web.Invalid("id_token_hint isn't an ID token issued to the app here.")
	token, err := jwt.ParseSigned(hint, signingAlgorithms())
	if err != nil || len(token.Headers) != 1 || token.Headers[0].ExtraHeaders[jose.HeaderType] == typeAccessJWT {
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
