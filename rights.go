package keyporter

// Rights are what a credential is restricted to.
type Rights struct {
	// Management lists what the credential can be used for in Keyporter itself. It is never
	// implied: absent is nothing.
	Management []Permission
}
