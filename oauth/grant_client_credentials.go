package oauth

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// clientCredentials gives an app a token of its own (RFC 6749 §4.4). It gives no refresh token,
// because the app can ask again.
func (s *server) clientCredentials(ctx context.Context, req tokenRequest) (tokenResponse, error) {
	if err := checkGrantType(&req.app, grantClientCredentials); err != nil {
		return tokenResponse{}, err
	}
	scopes, err := s.askedScopes(req.scopes, &req.app)
	if err != nil {
		return tokenResponse{}, err
	}
	scopes = slices.DeleteFunc(scopes, keyporter.IsOpenIDScope) // they are about a user, and this token has none
	if len(scopes) == 0 && len(req.scopes) > 0 {
		return tokenResponse{}, web.OAuthError{Code: invalidScope, Description: "None of these scopes is for an app that acts for itself."}
	}
	key, err := s.useProof(ctx, req.proof, "")
	if err != nil {
		return tokenResponse{}, err
	}
	own := keyporter.Grant{AppID: req.app.ID, Scopes: scopes, Resources: req.resources, KeyHash: key, EndsAt: s.Grants.Now().Add(s.Grants.AccessTokenLifetime())}
	access := keyporter.AccessToken{Scopes: scopes, Resources: req.resources}
	out, issued, err := s.tokens(ctx, req, own, access, grantRequest{})
	if err == nil {
		err = s.Grants.IssueOwnToken(ctx, req.from, own, issued)
	}
	return out, orFault(err, web.OAuthError{Code: web.InvalidClient, Description: "The app doesn't exist anymore."})
}
