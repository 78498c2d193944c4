package keyporter

// ClientAuthentication is how an app says who it is (RFC 6749 §2.3): by one of its secrets,
// by a JWT that one of its keys signed, or, if it can keep neither, by its client_id alone.
type ClientAuthentication struct {
	ClientID      string
	Secret        string
	Assertion     string // the JWT (RFC 7523 §2.2)
	AssertionType string
}
