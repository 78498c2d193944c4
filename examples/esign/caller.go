package esign

import "net/http"

// The headers by which Keyporter says who calls. The gateway takes off whatever a client
// sent under these names before it sets its own. It says more than this API asks for: the
// organization, the credential and its kind, the app and its scopes, and who is behind an
// organization token.
const (
	headerUser      = "X-Keyporter-User"
	headerLogin     = "X-Keyporter-Login"
	headerRequestID = "X-Keyporter-Request-Id"
)

// Caller is the user for whom a call is made.
type Caller struct {
	// UserID stays the same for as long as the user exists. What he owns hangs on it.
	UserID string
	// Login is his e-mail address. It is for display: it may change, and be somebody else's later.
	Login string
}

// callerOf reads the identity headers. Without a user there is no caller: a call that came
// past the gateway, or through one that is set up wrongly, is nobody's and gets nothing.
func callerOf(h http.Header) (c Caller, ok bool) {
	users := h[headerUser]
	if len(users) != 1 || users[0] == "" { // the gateway sets it once
		return Caller{}, false
	}
	return Caller{UserID: users[0], Login: h.Get(headerLogin)}, true
}
