package oauth

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// The error codes beside those that other doors have, too.
const (
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidTarget        = "invalid_target"     // RFC 8707 §2
	invalidProof         = "invalid_dpop_proof" // RFC 9449 §5
	accessDenied         = "access_denied"
	loginRequired        = "login_required" // OpenID Connect Core §3.1.2.6, as the next four
	consentRequired      = "consent_required"
	requestNotSupported  = "request_not_supported"
	requestURIUnsupport  = "request_uri_not_supported"
	unsupportedResponse  = "unsupported_response_type"
	unsupportedGrantType = "unsupported_grant_type"
	unauthorizedClient   = "unauthorized_client"
	authorizationPending = "authorization_pending" // RFC 8628 §3.5, as the next two
	slowDown             = "slow_down"
	expiredToken         = "expired_token"
)

// orFault returns f in place of an error that says that something isn't there.
func orFault(err error, f web.OAuthError) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return f
	}
	return err
}

// page answers a browser with an error that the app isn't told of, because it isn't certain
// which app it is or where it lives (RFC 6749 §4.1.2.1).
func (s *server) page(w http.ResponseWriter, r *http.Request, f web.OAuthError) {
	status := http.StatusBadRequest
	if f.Status >= http.StatusInternalServerError {
		status = f.Status
	}
	s.FaultPage(w, r, status, f.Code, f.Description)
}
