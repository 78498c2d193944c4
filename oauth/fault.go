package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
)

// fault is an error as apps are told of it (RFC 6749 §5.2).
type fault struct {
	status      int
	code        string
	description string
	cause       error
}

func (f fault) Error() string { return f.code + ": " + f.description }

// The codes of errors.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	invalidToken         = "invalid_token"
	invalidTarget        = "invalid_target"
	invalidProof         = "invalid_dpop_proof"
	accessDenied         = "access_denied"
	serverError          = "server_error"
	temporarily          = "temporarily_unavailable"
	loginRequired        = "login_required"
	consentRequired      = "consent_required"
	unsupportedResponse  = "unsupported_response_type"
	requestNotSupported  = "request_not_supported"
	requestURIUnsupport  = "request_uri_not_supported"
	unauthorizedClient   = "unauthorized_client"
	insufficientScope    = "insufficient_scope"
	unsupportedGrantType = "unsupported_grant_type"
)

func invalid(description string) fault { return fault{code: invalidRequest, description: description} }

// faultOf says what went wrong, in the words of the RFCs. What nobody foresaw is a
// server_error with the id of the request and nothing else, and is logged here, once.
func (s *server) faultOf(f *flow) fault {
	if f.fault != nil {
		return s.unforeseen(f, f.fault)
	}
	if own, ok := errors.AsType[fault](f.err); ok {
		return own
	}
	e, ok := errors.AsType[goidc.Error](f.err)
	if !ok || e.Code == goidc.ErrorCodeInternalError {
		return s.unforeseen(f, f.err)
	}
	out := fault{code: string(e.Code), description: describe(e), cause: f.err}
	if strings.Contains(f.err.Error(), "DPoP") && e.Code != goidc.ErrorCodeInvalidClient && e.Code != goidc.ErrorCodeInvalidGrant {
		out.code = invalidProof
	}
	return out
}

func (s *server) unforeseen(f *flow, err error) fault {
	if e, ok := errors.AsType[*keyporter.Error](err); ok && e.Kind == keyporter.TooMany {
		return fault{status: http.StatusServiceUnavailable, code: temporarily, description: e.Message}
	}
	s.Log.Error("unforeseen", "request_id", f.requestID, "error", err)
	if keyporter.KindOf(err) == keyporter.Unavailable {
		return fault{status: http.StatusServiceUnavailable, code: temporarily, description: "Try again soon. Request " + f.requestID + "."}
	}
	return fault{status: http.StatusInternalServerError, code: serverError, description: "Request " + f.requestID + "."}
}

// describe is what an app developer is told: the library's innermost words, which are about the request.
func describe(e goidc.Error) string {
	text := e.Description
	for {
		inner, ok := errors.AsType[goidc.Error](e.Unwrap())
		if !ok {
			break
		}
		e, text = inner, inner.Description
	}
	if cause := e.Unwrap(); cause != nil && !errors.Is(cause, goidc.ErrNotFound) && keyporter.KindOf(cause) == keyporter.Unknown {
		text = cause.Error()
	}
	if strings.Contains(text, "belongs to") {
		return "It was issued to another app." // and that is all that this one is told
	}
	return text
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
	case f.code == serverError:
		return http.StatusInternalServerError
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

// fail answers a program with an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, f fault) {
	status, h := f.statusOf(), w.Header()
	switch {
	case f.code == invalidClient && r.Header.Get("Authorization") != "":
		h.Set("WWW-Authenticate", `Basic realm="Keyporter"`)
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(5))
	case asksForBearer(flowOf(r.Context()).endpoint, status):
		h.Set("WWW-Authenticate", challenge(r, f))
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": f.code, "error_description": plain(f.description)})
}

// asksForBearer tells whether a refusal tells how to come back with a bearer token: to
// userinfo with an access token, to introspection with the secret of a gateway.
func asksForBearer(endpoint string, status int) bool {
	return endpoint == pathUserInfo && status < http.StatusInternalServerError ||
		strings.HasPrefix(endpoint, pathIntrospect) && status == http.StatusUnauthorized
}

// challenge tells how to come back with a token (RFC 6750 §3, RFC 9449 §7.1). Who showed none isn't told of an error.
func challenge(r *http.Request, f fault) string {
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
	return text
}

// page answers a browser with a fault that isn't told to the app, because we don't know
// for sure which app it is or where it lives (RFC 6749 §4.1.2.1).
func (s *server) page(w http.ResponseWriter, r *http.Request, f fault) {
	status := http.StatusBadRequest
	if f.status >= http.StatusInternalServerError {
		status = f.status
	}
	s.FaultPage(w, r, status, f.code, f.description)
}
