package keyporter

import "time"

// Grant is one sign-in of an app under a connection, or, with client credentials, what the
// app got for itself. Its code, refresh chain and access tokens live and die together.
type Grant struct {
	ID             ID
	AppID          ID
	ConnectionID   ID // empty: the app's own
	UserID         ID // of the connection
	OrganizationID ID // of the connection
	Login          string
	Scopes         []string // less those that the connection lost since
	Resources      []string // APIs that it is for (RFC 8707); none: all
	KeyHash        string   // thumbprint of the key that its tokens are bound to (RFC 9449 §6), empty: none
	Request        []byte   // what the app asked for, as the door keeps it
	CodeEndsAt     time.Time
	CodeUsedAt     time.Time // zero: not yet
	DeviceEndsAt   time.Time
	DeviceUsedAt   time.Time // zero: not yet
	CreatedAt      time.Time
	EndsAt         time.Time // after it nothing is refreshed
	RevokedAt      time.Time // zero: it stands
}

// RefreshToken is a refresh token, without the secret.
type RefreshToken struct {
	GrantID   ID
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: not yet
}
