package keyporter

import "time"

// EventName has the form noun.verb.
type EventName string

// The events.
const (
	EventOrganizationCreate  EventName = "organization.create"
	EventOrganizationEnable  EventName = "organization.enable"
	EventOrganizationDisable EventName = "organization.disable"
	EventFlagGrant           EventName = "flag.grant"
	EventFlagWithdraw        EventName = "flag.withdraw"
	EventUserCreate          EventName = "user.create"
	EventUserEnable          EventName = "user.enable"
	EventUserDisable         EventName = "user.disable"
	EventUserPassword        EventName = "user.password"
	EventUserLock            EventName = "user.lock"   // too many wrong passwords: browsers that we don't know can't sign in with one
	EventUserUnlock          EventName = "user.unlock" // they can again
	EventUserRoles           EventName = "user.roles"
	EventUserAppoint         EventName = "user.appoint" // they became an operator
	EventUserDismiss         EventName = "user.dismiss"
	EventRoleCreate          EventName = "role.create"
	EventRoleUpdate          EventName = "role.update"
	EventRoleDelete          EventName = "role.delete"
	EventTokenCreate         EventName = "token.create"
	EventTokenImport         EventName = "token.import" // another system made its secret
	EventTokenRename         EventName = "token.rename"
	EventTokenEnable         EventName = "token.enable"
	EventTokenDisable        EventName = "token.disable"
	EventTokenExpiry         EventName = "token.expiry"
	EventTokenDelete         EventName = "token.delete"
	EventTokenDeleteForGood  EventName = "token.delete_for_good"
	EventTokenRestore        EventName = "token.restore" // switched off, with the same secret
	EventTokenHandOver       EventName = "token.hand_over"
	EventAppCreate           EventName = "app.create"
	EventAppUpdate           EventName = "app.update"
	EventAppApprove          EventName = "app.approve" // for an app that registered itself
	EventAppSuspend          EventName = "app.suspend"
	EventAppResume           EventName = "app.resume"
	EventAppDelete           EventName = "app.delete"
	EventAppSecretAdd        EventName = "app.secret_add"
	EventAppSecretDelete     EventName = "app.secret_delete"
	EventAppPeople           EventName = "app.people"
	EventOrganizationApps    EventName = "organization.apps" // the apps its users may connect
	EventConnectionCreate    EventName = "connection.create"
	EventConnectionExtend    EventName = "connection.extend" // it has more scopes
	EventConnectionScopes    EventName = "connection.scopes" // it has fewer
	EventConnectionDelete    EventName = "connection.delete"
	EventConnectionReplay    EventName = "connection.replay" // a used refresh token was presented again, which ended the tokens of its sign-in
	EventGrantRevoke         EventName = "grant.revoke"
	EventAccessTokenCreate   EventName = "access_token.create"
	EventAccessTokenDelete   EventName = "access_token.delete"
	EventProviderSet         EventName = "identity_provider.set"
	EventProviderDelete      EventName = "identity_provider.delete"
	EventPasswordsOn         EventName = "identity_provider.passwords_on" // the organization's users can sign in with passwords
	EventPasswordsOff        EventName = "identity_provider.passwords_off"
	EventSessionCreate       EventName = "session.create"
	EventSessionDelete       EventName = "session.delete"
)

// TakesPower reports whether such a change can take power away from someone. Nobody may keep a person from
// these changes by making many others in their name.
func (n EventName) TakesPower() bool {
	switch n {
	case EventOrganizationDisable, EventFlagWithdraw, EventUserDisable, EventUserPassword, EventUserLock, EventUserDismiss,
		EventRoleDelete, EventTokenDisable, EventTokenDelete, EventTokenDeleteForGood, EventAppSuspend, EventAppDelete, EventAppSecretDelete,
		EventConnectionScopes, EventConnectionDelete, EventConnectionReplay, EventGrantRevoke, EventAccessTokenDelete,
		EventProviderDelete, EventPasswordsOff, EventSessionDelete:
		return true
	}
	return false
}

// Event is one change of state, written in the transaction that made it. It outlives the
// things it describes, and holds neither secrets nor hashes of secrets.
type Event struct {
	ID             ID
	At             time.Time
	Name           EventName
	OrganizationID ID // empty: it is about the whole instance
	UserID         ID // the user it is about, or whose token it is about
	TokenID        ID // of an API token or an access token
	AppID          ID
	ConnectionID   ID
	Actor          Actor
	Detail         map[string]string // what changed, for people: {"name": "Nightly export"}
}
