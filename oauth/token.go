package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// tokenRequest is a request for tokens (RFC 6749 §3.2), as it was sent.
type tokenRequest struct {
	grantType    grantType
	code         string // RFC 6749 §4.1.3
	redirectURI  string
	verifier     string // RFC 7636 §4.5
	refreshToken string // RFC 6749 §6
	deviceCode   string // RFC 8628 §3.4
	scopes       []string
	resources    []string

	app   keyporter.App // which proved its identity
	proof *verify.Proof // not used up yet; nil: there is none
	from  grants.Caller
}

// tokenResponse is the answer (RFC 6749 §5.1).
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// token issues tokens (RFC 6749 §3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	in, app, err := s.client(w, r, pathToken)
	if err != nil {
		return err
	}
	req, err := s.readTokenRequest(r, in)
	if err != nil {
		return err
	}
	req.app, req.from = app, from
	out, err := req.grantType.serve(s, r.Context(), req)
	if err == nil {
		web.WriteJSON(w, http.StatusOK, out)
	}
	return err
}

func (s *server) readTokenRequest(r *http.Request, in url.Values) (req tokenRequest, err error) {
	name, all := in.Get("grant_type"), grantTypes()
	if name == "" {
		return req, web.Invalid("grant_type is missing.")
	}
	i := slices.IndexFunc(all, func(g grantType) bool { return g.name == name })
	if i < 0 {
		return req, web.OAuthError{Code: unsupportedGrantType, Description: "There is no such grant type."}
	}
	req = tokenRequest{
		grantType: all[i], code: in.Get("code"), redirectURI: in.Get("redirect_uri"), verifier: in.Get("code_verifier"),
		refreshToken: in.Get("refresh_token"), deviceCode: in.Get("device_code"),
	}
	if req.scopes, err = s.readScope(in.Get("scope")); err != nil {
		return req, err
	}
	if req.resources, err = s.askedResources(in); err != nil {
		return req, err
	}
	req.proof, err = s.readProof(r, pathToken)
	return req, err
}

// grantRequest is what the app asked for. It is stored, sealed, with the grant.
type grantRequest struct {
	RedirectURI   string `json:",omitempty"`
	Nonce         string `json:",omitempty"`
	CodeChallenge string `json:",omitempty"`
	SignedInAt    int64  `json:",omitempty"` // when the user last proved who they are, in Unix seconds
}

func readGrantRequest(grant keyporter.Grant) (kept grantRequest, err error) {
	if err = json.Unmarshal(grant.Request, &kept); err != nil {
		err = fmt.Errorf("read what a grant was asked for: %w", err)
	}
	return kept, err
}

// redeem issues the first tokens of a grant whose code, or device code, fits the request. If it
// doesn't fit, someone else has the code, so the grant ends (RFC 9700 §4.5), unless the code was
// redeemed after the request arrived: a request that only loses a race ends nothing.
func (s *server) redeem(ctx context.Context, req tokenRequest, grant keyporter.Grant, fits func(keyporter.Grant, grantRequest) (keyporter.AccessToken, error)) (tokenResponse, error) {
	kept, err := readGrantRequest(grant)
	if err != nil {
		return tokenResponse{}, err
	}
	access, err := fits(grant, kept)
	if err == nil {
		err = checkKey(req.proof, grant.KeyHash)
	}
	if err != nil {
		if _, itsFault := err.(web.OAuthError); itsFault { //nolint:errorlint // faults of the request aren't wrapped, and others aren't the app's
			if err := s.Grants.RevokeMisused(ctx, req.from, grant, "its code was presented with a wrong app, redirect URI, verifier, or proof"); err != nil {
				return tokenResponse{}, err
			}
		}
		return tokenResponse{}, err
	}
	if !grant.CodeUsedAt.IsZero() {
		return tokenResponse{}, usedMeanwhile()
	}
	if grant.KeyHash, err = s.useProof(ctx, req.proof, grant.KeyHash); err != nil {
		return tokenResponse{}, err // it was used before: a repeated request has the same one
	}
	out, issued, err := s.tokens(ctx, req, grant, access, kept)
	if err != nil {
		return tokenResponse{}, err
	}
	refresh := keyporter.NewSecret(keyporter.SecretRefreshToken)
	if err := s.Grants.Redeem(ctx, req.from, grant, refresh, issued); err != nil {
		return tokenResponse{}, orFault(err, usedMeanwhile())
	}
	out.RefreshToken = refresh.Reveal()
	return out, nil
}

func usedMeanwhile() web.OAuthError {
	return web.OAuthError{Code: invalidGrant, Description: "Another request used it first, or it has ended."}
}

// tokens creates an access token under a grant, and an ID token if the app asks who the user
// is. It stores nothing, so an error here doesn't use up the code.
func (s *server) tokens(ctx context.Context, req tokenRequest, grant keyporter.Grant, access keyporter.AccessToken, kept grantRequest) (tokenResponse, grants.NewAccessToken, error) {
	now := s.Grants.Now()
	life := min(s.Grants.AccessTokenLifetime(), grant.EndsAt.Sub(now).Round(time.Second)) // no token outlives its grant
	access.ID, access.KeyHash, access.CreatedAt, access.ExpiresAt = keyporter.NewID(now), grant.KeyHash, now, now.Add(life)
	out := tokenResponse{TokenType: "Bearer", ExpiresIn: max(1, int(life/time.Second)), Scope: strings.Join(access.Scopes, " ")}
	if access.KeyHash != "" {
		out.TokenType = "DPoP"
	}
	var err error
	if out.AccessToken = keyporter.NewSecret(keyporter.SecretAccessToken).Reveal(); req.app.JWT {
		if err = s.mayCall(ctx, grant, access); err == nil {
			out.AccessToken, err = s.accessJWT(ctx, grant, access)
		}
		if err == nil && !keyporter.IsAccessToken(out.AccessToken) {
			err = web.OAuthError{Code: invalidScope, Description: "The JWT would be too long. Ask for fewer scopes."}
		}
	}
	if err == nil && grant.UserID != "" && slices.Contains(access.Scopes, "openid") {
		out.IDToken, err = s.idToken(ctx, &req.app, grant, kept)
	}
	return out, grants.NewAccessToken{
		ID: access.ID, Scopes: access.Scopes, Resources: access.Resources, Secret: out.AccessToken, CreatedAt: access.CreatedAt, ExpiresAt: access.ExpiresAt,
	}, err
}

// mayCall refuses a JWT that opens APIs if a check would refuse a token in its place. One
// with nothing but OpenID Connect's scopes opens only userinfo, which checks it.
func (s *server) mayCall(ctx context.Context, grant keyporter.Grant, access keyporter.AccessToken) error {
	if len(access.Resources) == 0 && !slices.ContainsFunc(access.Scopes, func(scope string) bool { return !keyporter.IsOpenIDScope(scope) }) {
		return nil
	}
	may, err := s.Grants.MayCall(ctx, grant)
	if err == nil && !may {
		err = web.OAuthError{Code: invalidGrant, Description: "No API would accept this token now: the user, or the organization, can't use the API."}
	}
	return err
}
