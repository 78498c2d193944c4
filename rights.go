package keyporter

// Rights are what a credential can be used for.
type Rights struct {
	// Management lists the permissions the credential can use in Keyporter itself. Empty means
	// none.
	Management []Permission
}
