package keyporter

// CredentialKind tells by what a principal was recognised.
type CredentialKind string

// The kinds of credentials that a call can carry.
const (
	CredentialUserToken         CredentialKind = "user_token"
	CredentialOrganizationToken CredentialKind = "organization_token"
	CredentialAccessToken       CredentialKind = "access_token"
)

// Principal is who a verified credential speaks for.
type Principal struct {
	UserID         ID
	Login          string
	OrganizationID ID
	CredentialID   ID // of the token
	CredentialKind CredentialKind
	AppID          ID       // with an access token
	Scopes         []string // with an access token
	ActorID        ID       // with an organization token: its owner, who acts as UserID
}
