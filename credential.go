package keyporter

import "strings"

// The headers of a call that carry a credential or belong to one, by their place in CredentialHeaders.
const (
	HeaderAPIToken = iota
	HeaderOrganizationKey
	HeaderAuthorization
	HeaderUserLoginName
	HeaderDPoP

	numCredentialHeaders
)

// credentialTable is the one list of these headers. They are read, removed and recognized by it.
var credentialTable = [numCredentialHeaders]struct {
	name    string // in canonical form
	plain   string // see PlainHeader
	carries cargo
}{
	HeaderAPIToken:        {"Apitoken", "apitoken", secretCargo},
	HeaderOrganizationKey: {"Organizationkey", "organizationkey", secretCargo},
	HeaderAuthorization:   {"Authorization", "authorization", schemeCargo},
	HeaderUserLoginName:   {"Userloginname", "userloginname", loginCargo},
	HeaderDPoP:            {"Dpop", "dpop", proofCargo},
}

// cargo is what a header carries.
type cargo int

const (
	secretCargo cargo = iota
	schemeCargo       // a secret behind a scheme, such as Bearer
	loginCargo
	proofCargo // that the caller has the key (RFC 9449); read when it is known whose
)

// CredentialHeaders has the values of the headers that carry a credential or belong to one.
type CredentialHeaders [numCredentialHeaders][]string

// CredentialHeadersOf takes them from the headers of a call, whose names are in canonical form.
func CredentialHeadersOf(h map[string][]string) (c CredentialHeaders) {
	for i := range credentialTable {
		c[i] = h[credentialTable[i].name]
	}
	return c
}

// CredentialHeaderNames returns the names of these headers in canonical form.
func CredentialHeaderNames() []string {
	var names []string
	for i := range credentialTable {
		names = append(names, credentialTable[i].name)
	}
	return names
}

// Presented is the credential that the headers of a call carry.
type Presented struct {
	Secret     string // empty: none
	DPoP       bool   // it came with the scheme DPoP (RFC 9449 §7.1)
	Login      string // the login name beside it; empty: none
	TwoSecrets bool   // there are different ones, and nobody can tell which one was meant
	TwoLogins  bool   // likewise
}

// Read returns the credential in the headers. An empty header counts as absent, and the same
// value twice as once.
func (c *CredentialHeaders) Read() (p Presented) {
	for i := range c {
		for _, v := range c[i] {
			switch credentialTable[i].carries {
			case secretCargo:
				p.TwoSecrets = add(&p.Secret, v) || p.TwoSecrets
			case schemeCargo:
				secret, dpop := readAuthorization(v)
				p.DPoP = p.DPoP || dpop
				p.TwoSecrets = add(&p.Secret, secret) || p.TwoSecrets
			case loginCargo:
				p.TwoLogins = add(&p.Login, v) || p.TwoLogins
			case proofCargo:
			}
		}
	}
	return p
}

// add sets value to v unless it is set, and reports whether v is a different one.
func add(value *string, v string) (different bool) {
	switch v = TrimHeader(v); {
	case v == "" || v == *value:
	case *value == "":
		*value = v
	default:
		return true
	}
	return false
}

// TrimHeader removes the spaces and tabs around a value (RFC 9110 §5.5). There hardly ever are any.
func TrimHeader(v string) string {
	if v == "" || v[0] > ' ' && v[len(v)-1] > ' ' {
		return v
	}
	return strings.Trim(v, " \t")
}

// readAuthorization returns the token in an Authorization header (RFC 6750 §2.1, RFC 9449
// §7.1) and whether its scheme is DPoP. Under any other scheme the whole value counts as the
// secret. It is none of ours, so it is refused like one that was never issued, and next to a
// token it is the second secret.
func readAuthorization(v string) (secret string, dpop bool) {
	v = TrimHeader(v)
	if rest, ok := cutScheme(v, "Bearer"); ok {
		return rest, false
	}
	if rest, ok := cutScheme(v, "DPoP"); ok {
		return rest, true
	}
	return v, false
}

func cutScheme(v, scheme string) (rest string, ok bool) {
	if len(v) < len(scheme) || !strings.EqualFold(v[:len(scheme)], scheme) {
		return "", false
	}
	if rest = v[len(scheme):]; rest == "" || rest[0] == ' ' {
		return strings.TrimLeft(rest, " "), true
	}
	return "", false
}

// The headers that Keyporter adds to a call, so that the API knows who is calling. Which of
// them a call has depends on its credential. Whatever a client sends under OwnHeaderPrefix
// is removed first.
const (
	OwnHeaderPrefix      = "X-Keyporter-"
	HeaderUser           = OwnHeaderPrefix + "User"
	HeaderLogin          = OwnHeaderPrefix + "Login"
	HeaderOrganization   = OwnHeaderPrefix + "Organization"
	HeaderCredential     = OwnHeaderPrefix + "Credential"
	HeaderCredentialKind = OwnHeaderPrefix + "Credential-Kind"
	HeaderApp            = OwnHeaderPrefix + "App"
	HeaderScopes         = OwnHeaderPrefix + "Scopes"
	HeaderActor          = OwnHeaderPrefix + "Actor"
	HeaderRequestID      = OwnHeaderPrefix + "Request-Id" // also of every answer
)

// Header is a header with its one value. An empty one isn't sent.
type Header struct{ Name, Value string }

// IdentityHeaders are the headers that name a principal.
type IdentityHeaders [8]Header

// Identity returns the headers that tell an API who is calling.
func (p *Principal) Identity() IdentityHeaders {
	return IdentityHeaders{
		{HeaderUser, string(p.UserID)},
		{HeaderLogin, p.Login},
		{HeaderOrganization, string(p.OrganizationID)},
		{HeaderCredential, string(p.CredentialID)},
		{HeaderCredentialKind, string(p.CredentialKind)},
		{HeaderApp, string(p.AppID)},
		{HeaderScopes, strings.Join(p.Scopes, " ")},
		{HeaderActor, string(p.ActorID)},
	}
}

// IsOwnHeader reports whether a header must not reach an API from a client, because it
// carries a credential or says in Keyporter's name who is calling. Servers that pass headers
// on as variables make one name of X-Keyporter-User and X_Keyporter_User, so only letters
// and digits count.
func IsOwnHeader(name string) bool {
	var buf [32]byte
	plain := PlainHeader(buf[:0], name)
	for i := range credentialTable {
		if string(plain) == credentialTable[i].plain {
			return true
		}
	}
	return strings.HasPrefix(string(plain), "xkeyporter")
}

// PlainHeader appends the letters, in lower case, and the digits of a header's name to buf,
// as many as it has room for.
func PlainHeader(buf []byte, name string) []byte {
	for i := 0; i < len(name) && len(buf) < cap(buf); i++ {
		if c := name[i] | 0x20; c >= 'a' && c <= 'z' || name[i] >= '0' && name[i] <= '9' {
			buf = append(buf, c)
		}
	}
	return buf
}

// ProofAlgorithms are the algorithms that may sign a proof of a key (DPoP, RFC 9449):
// asymmetric ones, named one by one.
func ProofAlgorithms() []string { return []string{"ES256", "EdDSA", "PS256", "RS256"} }
