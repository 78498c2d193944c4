package oauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// userInfoResponse says who the user is, as far as the scopes allow (OpenID Connect Core §5.3.2, §5.4).
type userInfoResponse struct {
	Subject           keyporter.ID `json:"sub"`
	Organization      keyporter.ID `json:"org_id"`
	Name              string       `json:"name,omitempty"`
	PreferredUsername string       `json:"preferred_username,omitempty"`
	Email             string       `json:"email,omitempty"`
	EmailVerified     *bool        `json:"email_verified,omitempty"` // goes with Email
}

// userInfo tells an app about the user (OpenID Connect Core §5.3).
func (s *server) userInfo(w http.ResponseWriter, r *http.Request, _ grants.Caller) error {
	secret, scheme, err := bearer(w, r)
	if err != nil {
		return err
	}
	t, grant, err := s.Grants.AccessToken(r.Context(), secret)
	if err != nil {
		return orFault(err, web.OAuthError{Code: web.InvalidToken, Description: "There is no such access token, or it has ended."})
	}
	if err := s.checkBinding(r, secret, scheme, t); err != nil {
		return err
	}
	if !slices.Contains(t.Scopes, "openid") || grant.UserID == "" {
		return web.OAuthError{Code: web.InsufficientScope, Description: "The token doesn't have the openid scope.", Scope: "openid"}
	}
	out := userInfoResponse{Subject: grant.UserID, Organization: grant.OrganizationID}
	if slices.Contains(t.Scopes, "profile") {
		out.Name, out.PreferredUsername = grant.Login, grant.Login
	}
	if slices.Contains(t.Scopes, "email") {
		verified, err := s.Grants.EmailVerified(r.Context(), grant)
		if err != nil {
			return err
		}
		out.Email, out.EmailVerified = grant.Login, &verified
	}
	web.WriteJSON(w, http.StatusOK, out)
	return nil
}

// bearer reads a request's access token and its scheme, from the header or from the form of a
// POST (RFC 6750 §2), never from the address.
func bearer(w http.ResponseWriter, r *http.Request) (secret, scheme string, err error) {
	if len(r.Header["Dpop"]) > 1 || len(r.Header["Authorization"]) > 1 {
		return "", "", web.Invalid("A header appears twice.")
	}
	scheme, secret, _ = strings.Cut(r.Header.Get("Authorization"), " ")
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		in, err := web.RawForm(w, r)
		if err != nil {
			return "", "", err
		}
		tokens := in["access_token"]
		if len(tokens) > 1 || len(tokens) == 1 && scheme != "" {
			return "", "", web.Invalid("The token is sent in more than one way.")
		}
		if len(tokens) == 1 {
			return tokens[0], "Bearer", nil
		}
	}
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") {
		return "", "", web.OAuthError{Code: web.InvalidToken, Description: "Send an access token with the scheme Bearer or DPoP."}
	}
	return strings.Trim(secret, " "), scheme, nil
}

// checkBinding requires a proof by the key that the token is bound to. It refuses a bound token
// that is presented as a bearer token, and the other way around (RFC 9449 §7.1, §7.2).
func (s *server) checkBinding(r *http.Request, secret, scheme string, t keyporter.AccessToken) error {
	if strings.EqualFold(scheme, "DPoP") != (t.KeyHash != "") {
		return web.OAuthError{Code: web.InvalidToken, Description: "Use DPoP for key-bound tokens and Bearer for all others."}
	}
	if t.KeyHash == "" {
		return nil
	}
	unproven := func(text string) error {
		return web.OAuthError{Status: http.StatusUnauthorized, Code: invalidProof, Description: text}
	}
	p, err := s.readProof(r, pathUserInfo)
	if f, ok := err.(web.OAuthError); ok { //nolint:errorlint // it isn't wrapped
		return unproven(f.Description)
	}
	if err != nil {
		return err
	}
	if p == nil || !p.IsFor(secret, t.KeyHash) {
		return unproven("This token needs a proof signed with the key it is bound to.")
	}
	_, err = s.useProof(r.Context(), p, t.KeyHash)
	if f, ok := err.(web.OAuthError); ok { //nolint:errorlint // it isn't wrapped
		return unproven(f.Description)
	}
	return err
}
