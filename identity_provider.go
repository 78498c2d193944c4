package keyporter

import "time"

// IdentityProvider is where the users of an organization sign in: any provider that
// speaks OpenID Connect. Which people it may sign in the domains of their e-mail
// addresses tell, which no other organization has.
type IdentityProvider struct {
	ID             ID
	OrganizationID ID
	Name           string   // as on the sign-in page
	Issuer         string   // its address (OpenID Connect Discovery 1.0 §4)
	ClientID       string   // that it gave Keyporter
	Domains        []string // of the e-mail addresses that it answers for, in lower case
	RoleID         ID       // of those whom it signs in for the first time; empty: they are not let in
	CreatedAt      time.Time
}
