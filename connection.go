package keyporter

import "time"

// Connection is a standing consent: this app may act in this user's name, with these
// scopes. Its codes, access tokens and refresh tokens live and die with it. A user has
// one with each app at the most, and it stands also when no token of it is alive.
type Connection struct {
	ID             ID
	UserID         ID
	OrganizationID ID // of the user
	AppID          ID
	Scopes         []string
	CreatedAt      time.Time
	Address        string    // where the consent came from
	Agent          string    // browser that it came from, cut to 200 bytes
	ReplayedAt     time.Time // when a refresh token that was used up was shown again, which ended all of its tokens; zero: never
}

// AccessToken is a token that an app got under a grant.
type AccessToken struct {
	ID        ID
	GrantID   ID
	Scopes    []string
	Resources []string // APIs that it is for (RFC 8707); none: all
	KeyHash   string   // thumbprint of the key that it is bound to (RFC 9449 §6), empty: a bearer token
	CreatedAt time.Time
	ExpiresAt time.Time
}
