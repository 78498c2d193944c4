package oauth

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// The error codes that only this door has.
const (
	invalidGrant           = "invalid_grant"
	invalidScope           = "invalid_scope"
	invalidTarget          = "invalid_target"     // RFC 8707 §2
	invalidProof           = "invalid_dpop_proof" // RFC 9449 §5
	accessDenied           = "access_denied"
	loginRequired          = "login_required" // OpenID Connect Core §3.1.2.6, as the next four
	consentRequired        = "consent_required"
	requestNotSupported    = "request_not_supported"
	requestURINotSupported = "request_uri_not_supported"
	unsupportedResponse    = "unsupported_response_type"
	unsupportedGrantType   = "unsupported_grant_type"
	unauthorizedClient     = "unauthorized_client"
	authorizationPending   = "authorization_pending" // RFC 8628 §3.5, as the next two
	slowDown               = "slow_down"
	expiredToken           = "expired_token"
)

// orFault replaces a NotFound error with f.
func orFault(err error, f web.OAuthError) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return f
	}
	return err
}

// page shows an error in the browser instead of sending it to the app, because the app or its
// address isn't certain (RFC 6749 §4.1.2.1).
func (s *server) page(w http.ResponseWriter, r *http.Request, f web.OAuthError) {
	status := http.StatusBadRequest
	if f.Status >= http.StatusInternalServerError {
		status = f.Status
	}
	s.FaultPage(w, r, status, f.Code, f.Description)
}
