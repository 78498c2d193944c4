package keyporter

import "time"

// IdentityProvider is where an organization's users sign in: any provider that speaks OpenID
// Connect. It may only sign in people with an email address in one of its Domains, which no
// two organizations share.
type IdentityProvider struct {
	ID             ID
	OrganizationID ID
	Name           string   // as on the sign-in page
	Issuer         string   // its address (OpenID Connect Discovery 1.0 §4)
	ClientID       string   // the one it issued to Keyporter
	Domains        []string // of the email addresses it may vouch for, in lower case
	RoleID         ID       // the role new users get at their first sign-in; empty: new users can't sign in
	CreatedAt      time.Time
}
