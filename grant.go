package keyporter

import "time"

// Grant is one sign-in of an app under a connection or, with client credentials, the app's
// own access. Its code, its refresh tokens and its access tokens end with it.
type Grant struct {
	ID             ID
	AppID          ID
	ConnectionID   ID // empty: the app's own
	UserID         ID // of the connection
	OrganizationID ID // of the connection
	Login          string
	Scopes         []string // without those the connection has lost since
	Resources      []string // the APIs it is for (RFC 8707); none: all
	KeyHash        string   // thumbprint of the key its tokens are bound to (RFC 9449 §6); empty: none
	Request        []byte   // what the app asked for, in the encoding of package oauth
	CodeEndsAt     time.Time
	CodeUsedAt     time.Time // zero: not yet
	DeviceEndsAt   time.Time
	DeviceUsedAt   time.Time // zero: not yet
	CreatedAt      time.Time
	EndsAt         time.Time // after that, its tokens can't be refreshed
	RevokedAt      time.Time // zero: not revoked
}

// RefreshToken is a refresh token, without the secret.
type RefreshToken struct {
	GrantID   ID
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: not yet
}
