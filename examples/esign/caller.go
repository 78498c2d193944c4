package esign

import "net/http"

// The headers in which Keyporter says who is calling. The gateway removes whatever a client sent
// under these names before it sets its own. There are more than this API needs: the organization,
// the credential and its kind, the app and its scopes, and who is behind an organization token.
const (
	headerUser      = "X-Keyporter-User"
	headerLogin     = "X-Keyporter-Login"
	headerRequestID = "X-Keyporter-Request-Id"
)

// Caller is the user a call is made for.
type Caller struct {
	// UserID never changes while the user exists. It identifies the owner of everything.
	UserID string
	// Login is the user's email address, for display. It may change, and may later be another
	// user's.
	Login string
}

// callerOf reads the identity headers. Without a user, there is no caller: a call that bypassed the
// gateway, or came through a misconfigured one, gets nothing.
func callerOf(h http.Header) (c Caller, ok bool) {
	users := h[headerUser]
	if len(users) != 1 || users[0] == "" { // the gateway sets it once
		return Caller{}, false
	}
	return Caller{UserID: users[0], Login: h.Get(headerLogin)}, true
}
