package keyporter

import "time"

// User signs in with a login name and belongs to one organization.
type User struct {
	ID             ID
	OrganizationID ID
	Login          string // an e-mail address, unique in the instance, letter case ignored
	Operator       bool   // runs the instance, beside what his roles allow in his organization
	Active         bool   // false: he can't sign in and none of his tokens works
	RoleIDs        []ID
	CreatedAt      time.Time
}

// MaxNameLen is the length of the longest name of anything, in characters.
const MaxNameLen = 100

// MaxLoginLen is the length of the longest login name in bytes, that of an e-mail
// address (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MaxLoginLen = 254
