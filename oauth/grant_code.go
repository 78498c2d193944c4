package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// redeemCode issues tokens for an authorization code (RFC 6749 §4.1.3).
func (s *server) redeemCode(ctx context.Context, req tokenRequest) (tokenResponse, error) {
	if req.code == "" {
		return tokenResponse{}, web.Invalid("code is missing.")
	}
	if err := checkGrantType(&req.app, grantCode); err != nil {
		return tokenResponse{}, err
	}
	grant, err := s.Grants.GrantByCode(ctx, req.from, req.code)
	if err != nil {
		return tokenResponse{}, orFault(err, web.OAuthError{Code: invalidGrant, Description: "The code doesn't exist, was already used, or has expired."})
	}
	return s.redeem(ctx, req, grant, func(grant keyporter.Grant, kept grantRequest) (keyporter.AccessToken, error) {
		switch {
		case grant.AppID != req.app.ID:
			return keyporter.AccessToken{}, anotherApps()
		case req.redirectURI != kept.RedirectURI:
			return keyporter.AccessToken{}, web.OAuthError{Code: invalidGrant, Description: "redirect_uri doesn't match the authorization request."}
		case !registered(&req.app, kept.RedirectURI): // it was removed since, and whoever is at that address has the code
			return keyporter.AccessToken{}, web.OAuthError{Code: invalidGrant, Description: "redirect_uri is no longer registered for this app."}
		case !verifierMatches(req.verifier, kept.CodeChallenge):
			return keyporter.AccessToken{}, web.OAuthError{Code: invalidGrant, Description: "code_verifier doesn't match code_challenge."}
		}
		return narrowed(grant, req.scopes, req.resources)
	})
}

// anotherApps is all that an app learns about what was issued to another one.
func anotherApps() web.OAuthError {
	return web.OAuthError{Code: invalidGrant, Description: "It was issued to another app."}
}

// verifierMatches reports whether a verifier belongs to a challenge (RFC 7636 §4.6). A verifier without
// a challenge means that an attacker removed the challenge (RFC 9700 §4.8.2).
func verifierMatches(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return isVerifier(verifier) && subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// isVerifier reports whether a text can be a code verifier (RFC 7636 §4.1).
func isVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool { return !keyporter.IsUnreserved(r) })
}
