package keyporter

import "time"

// Connection is a user's lasting consent: this app may act on this user's behalf, with these
// scopes. Its codes, access tokens and refresh tokens end with it. A user has at most one
// with each app, and it stays even after all its tokens have expired.
type Connection struct {
	ID             ID
	UserID         ID
	OrganizationID ID // of the user
	AppID          ID
	Scopes         []string
	CreatedAt      time.Time
	Address        string    // where the consent came from
	Agent          string    // browser that sent it, cut to 200 bytes
	ReplayedAt     time.Time // when a used refresh token was presented again, which ended the sign-in it came from; zero: never
}

// AccessToken is an access token an app got under a grant, without its secret.
type AccessToken struct {
	ID        ID
	GrantID   ID
	Scopes    []string
	Resources []string // the APIs it is for (RFC 8707); none: all
	KeyHash   string   // thumbprint of the key it is bound to (RFC 9449 §6); empty: a bearer token
	CreatedAt time.Time
	ExpiresAt time.Time
}
