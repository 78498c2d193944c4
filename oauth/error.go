package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// fault is an error as apps are told of it (RFC 6749 §4.1.2.1, §5.2).
type fault struct {
	status      int // zero: what the code usually has
	code        string
	description string
}

func (f fault) Error() string { return f.code + ": " + f.description }

// The error codes.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidToken         = "invalid_token"
	invalidTarget        = "invalid_target"     // RFC 8707 §2
	invalidProof         = "invalid_dpop_proof" // RFC 9449 §5
	accessDenied         = "access_denied"
	serverError          = "server_error"
	temporarily          = "temporarily_unavailable"
	loginRequired        = "login_required" // OpenID Connect Core §3.1.2.6, as the next four
	consentRequired      = "consent_required"
	requestNotSupported  = "request_not_supported"
	requestURIUnsupport  = "request_uri_not_supported"
	unsupportedResponse  = "unsupported_response_type"
	unsupportedGrantType = "unsupported_grant_type"
	unauthorizedClient   = "unauthorized_client"
	insufficientScope    = "insufficient_scope"    // RFC 6750 §3.1
	authorizationPending = "authorization_pending" // RFC 8628 §3.5, as the next two
	slowDown             = "slow_down"
	expiredToken         = "expired_token"
)

func invalid(description string) fault { return fault{code: invalidRequest, description: description} }

// faultOf is an error as the app is told of it. What nobody foresaw is a server_error with
// the request id and nothing else, and is logged here, once.
func (s *server) faultOf(err error, from grants.Caller) fault {
	if f, ok := errors.AsType[fault](err); ok {
		return f
	}
	if e, ok := errors.AsType[*keyporter.Error](err); ok && e.Kind == keyporter.TooMany {
		return fault{status: http.StatusServiceUnavailable, code: temporarily, description: keyporter.MessageOf(err)}
	}
	s.Log.Error("unforeseen", "request_id", from.RequestID, "error", err)
	if keyporter.KindOf(err) == keyporter.Unavailable {
		return fault{status: http.StatusServiceUnavailable, code: temporarily, description: "Try again soon. Request " + from.RequestID + "."}
	}
	return fault{status: http.StatusInternalServerError, code: serverError, description: "Request " + from.RequestID + "."}
}

// orFault returns f in place of an error that says that something isn't there.
func orFault(err error, f fault) error {
	if keyporter.KindOf(err) == keyporter.NotFound {
		return f
	}
	return err
}

// statusOf is the status at the endpoints that programs call.
func (f *fault) statusOf() int {
	switch {
	case f.status != 0:
		return f.status
	case f.code == invalidClient || f.code == invalidToken:
		return http.StatusUnauthorized
	case f.code == insufficientScope:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

// plain keeps a description within the characters that RFC 6749 §5.2 has for it: there may be input in it.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, text)
	return text[:min(len(text), 300)]
}

// refuse answers a program with an error (RFC 6749 §5.2).
func refuse(w http.ResponseWriter, r *http.Request, f fault) {
	status, h := f.statusOf(), w.Header()
	if f.code == invalidClient && r.Header.Get("Authorization") != "" {
		h.Set("WWW-Authenticate", `Basic realm="Keyporter"`)
	}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(5))
	}
	sendJSON(w, status, map[string]string{"error": f.code, "error_description": plain(f.description)})
}

// refuseBearer answers a program that has to show an access token with an error, and tells
// it how to come back (RFC 6750 §3, RFC 9449 §7.1). To a program that showed no token it names no error.
func refuseBearer(w http.ResponseWriter, r *http.Request, f fault) {
	if f.statusOf() < http.StatusInternalServerError {
		scheme := "Bearer"
		if name, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(name, "DPoP") {
			scheme = "DPoP"
		}
		text := scheme + ` realm="Keyporter"`
		if r.Header.Get("Authorization") != "" {
			text += `, error="` + f.code + `", error_description="` + plain(f.description) + `"`
		}
		if f.code == insufficientScope {
			text += `, scope="openid"`
		}
		w.Header().Set("WWW-Authenticate", text)
	}
	refuse(w, r, f)
}

// page answers a browser with an error that the app isn't told of, because it isn't certain
// which app it is or where it lives (RFC 6749 §4.1.2.1).
func (s *server) page(w http.ResponseWriter, r *http.Request, f fault) {
	status := http.StatusBadRequest
	if f.status >= http.StatusInternalServerError {
		status = f.status
	}
	s.FaultPage(w, r, status, f.code, f.description)
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone, or it works
}
