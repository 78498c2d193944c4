package keyporter

import "time"

// User signs in with a login name and belongs to one organization.
type User struct {
	ID             ID
	OrganizationID ID
	Login          string // an email address, unique in the instance, see names.Key
	Operator       bool   // runs the instance, on top of what their roles allow in their organization
	Active         bool   // false: they can't sign in, and none of their tokens works
	RoleIDs        []ID
	CreatedAt      time.Time
}

// UserState is whether a user is active.
type UserState string

// The states of a user.
const (
	UserActive   UserState = "active"
	UserInactive UserState = "off"
)

// MaxNameLen is the maximum length of every name, in characters.
const MaxNameLen = 100

// MaxLoginLen is the maximum length of a login name in bytes. It is that of an email address
// (RFC 5321 §4.5.3.1.3, without the angle brackets).
const MaxLoginLen = 254
