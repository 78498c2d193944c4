package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// OAuthError is an error in the form that OAuth clients expect (RFC 6749 §5.2, RFC 6750 §3.1).
type OAuthError struct {
	Status      int // zero: the usual one for the code
	Code        string
	Description string // for the program's developer
	Scope       string // that the token needs, for the challenge; empty: the challenge names none

	RetryAfter time.Duration // with 429 and 503; zero: five seconds
}

func (e OAuthError) Error() string { return e.Code + ": " + e.Description }

// Error codes that more than one door uses.
const (
	InvalidRequest         = "invalid_request"
	InvalidClient          = "invalid_client"
	InvalidToken           = "invalid_token"
	InsufficientScope      = "insufficient_scope"
	ServerError            = "server_error"
	TemporarilyUnavailable = "temporarily_unavailable"
)

// Invalid returns an invalid_request error that says what is wrong with a request.
func Invalid(description string) OAuthError {
	return OAuthError{Code: InvalidRequest, Description: description}
}

// AsOAuthError returns an error as apps see it. An unexpected error becomes a server_error with
// nothing but the request ID, and is logged here, once.
func AsOAuthError(err error, log *slog.Logger, requestID string) OAuthError {
	if e, ok := errors.AsType[OAuthError](err); ok {
		return e
	}
	if keyporter.KindOf(err) == keyporter.TooMany {
		return OAuthError{Status: http.StatusServiceUnavailable, Code: TemporarilyUnavailable, Description: keyporter.MessageOf(err), RetryAfter: keyporter.RetryAfterOf(err)}
	}
	log.Error("unforeseen", "request_id", requestID, "error", err)
	if keyporter.IsUncertain(err) { // a program that only tries again may use up what works once
		return OAuthError{Status: http.StatusInternalServerError, Code: ServerError, Description: keyporter.MayHaveChanged + " Request " + requestID + "."}
	}
	if keyporter.KindOf(err) == keyporter.Unavailable {
		return OAuthError{Status: http.StatusServiceUnavailable, Code: TemporarilyUnavailable, Description: "Try again soon. Request " + requestID + "."}
	}
	return OAuthError{Status: http.StatusInternalServerError, Code: ServerError, Description: "Request " + requestID + "."}
}

// StatusCode returns the HTTP status at the endpoints that programs call.
func (e OAuthError) StatusCode() int {
	switch {
	case e.Status != 0:
		return e.Status
	case e.Code == InvalidClient || e.Code == InvalidToken:
		return http.StatusUnauthorized
	case e.Code == InsufficientScope:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

// Plain returns the description in the characters that RFC 6749 §5.2 allows, because it may quote
// input.
func (e OAuthError) Plain() string {
	text := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, e.Description)
	const most = 1000 // bytes: it also goes into addresses and headers
	return text[:min(len(text), most)]
}

// realm is what challenges call this server.
const realm = `realm="Keyporter"`

// SetRetryAfter has a program wait before it tries again, for wait rounded up to whole seconds, and returns those.
func SetRetryAfter(w http.ResponseWriter, wait time.Duration) time.Duration {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return time.Duration(seconds) * time.Second
}

// WriteOAuthError answers an app with an error (RFC 6749 §5.2).
func WriteOAuthError(w http.ResponseWriter, r *http.Request, e OAuthError) {
	status, h := e.StatusCode(), w.Header()
	if e.Code == InvalidClient && r.Header.Get("Authorization") != "" {
		h.Set("WWW-Authenticate", "Basic "+realm)
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		SetRetryAfter(w, cmp.Or(e.RetryAfter, 5*time.Second))
	}
	WriteJSON(w, status, map[string]string{"error": e.Code, "error_description": e.Plain()})
}

// WriteBearerError answers a program that needs a bearer token with an error and a challenge (RFC
// 6750 §3, RFC 9449 §7.1).
func WriteBearerError(w http.ResponseWriter, r *http.Request, e OAuthError) {
	if e.StatusCode() < http.StatusInternalServerError {
		scheme := "Bearer"
		if name, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(name, "DPoP") {
			scheme = "DPoP"
		}
		w.Header().Set("WWW-Authenticate", Challenge(scheme, r, e))
	}
	WriteOAuthError(w, r, e)
}

// Challenge returns the value of WWW-Authenticate for a program that needs a token. If the program
// sent none, the challenge names no error.
func Challenge(scheme string, r *http.Request, e OAuthError) string {
	c := scheme + " " + realm
	if r.Header.Get("Authorization") != "" {
		c += `, error="` + e.Code + `", error_description="` + e.Plain() + `"`
	}
	if e.Scope != "" {
		c += `, scope="` + e.Scope + `"`
	}
	return c
}

// WriteJSON answers with JSON.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client is gone
}
