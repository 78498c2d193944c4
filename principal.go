package keyporter

// CredentialKind is the kind of credential that identified a principal.
type CredentialKind string

// The kinds of credentials that a call can carry.
const (
	CredentialUserToken         CredentialKind = "user_token"
	CredentialOrganizationToken CredentialKind = "organization_token"
	CredentialAccessToken       CredentialKind = "access_token" // of a connection: an app acts for a user
	CredentialAppToken          CredentialKind = "app_token"    // an access token of client credentials (RFC 6749 §4.4): an app acts for itself
)

// Principal is who a verified credential acts for.
type Principal struct {
	UserID         ID // empty with an app token
	Login          string
	OrganizationID ID // of the user; with an app token, of the app, and empty if the whole instance can use the app
	CredentialID   ID // of the token
	CredentialKind CredentialKind
	AppID          ID       // with an access token or app token
	Scopes         []string // with an access token or app token: the ones it has now
	ActorID        ID       // with an organization token: its owner, who acts as UserID
}
