package oauth

import (
	"context"

	"github.com/keyporter/keyporter/web"
)

// refresh issues new tokens for a refresh token, and its successor (RFC 6749 §6).
func (s *server) refresh(ctx context.Context, req tokenRequest) (tokenResponse, error) {
	if req.refreshToken == "" {
		return tokenResponse{}, web.Invalid("refresh_token is missing.")
	}
	grant, err := s.Grants.GrantByRefreshToken(ctx, req.from, req.app, req.refreshToken)
	if err != nil {
		return tokenResponse{}, orFault(err, web.OAuthError{Code: invalidGrant, Description: "The refresh token doesn't exist, was already used, or has expired."})
	}
	if grant.AppID != req.app.ID {
		return tokenResponse{}, anotherApps()
	}
	kept, err := readGrantRequest(grant)
	if err != nil {
		return tokenResponse{}, err
	}
	access, err := narrowed(grant, req.scopes, req.resources)
	if err != nil {
		return tokenResponse{}, err
	}
	if grant.KeyHash != "" {
		key := grant.KeyHash
		if req.app.Confidential() && req.proof != nil {
			key = "" // the refresh token is bound to its secret, so it may use another key (RFC 9449 §5)
		}
		if grant.KeyHash, err = s.useProof(ctx, req.proof, key); err != nil {
			return tokenResponse{}, err
		}
	}
	kept.Nonce = "" // it belongs to the first ID token (OpenID Connect Core §12.2)
	out, issued, err := s.tokens(ctx, req, grant, access, kept)
	if err != nil {
		return tokenResponse{}, err
	}
	if err := s.Grants.Refresh(ctx, req.from, grant, req.refreshToken, issued); err != nil {
		return tokenResponse{}, orFault(err, usedMeanwhile())
	}
	out.RefreshToken = s.Grants.Successor(req.refreshToken).Reveal()
	return out, nil
}
