package keyporter

import "strings"

// The request headers that carry a credential or belong to one, as indexes into CredentialHeaders.
const (
	HeaderAPIToken = iota
	HeaderOrganizationKey
	HeaderAuthorization
	HeaderUserLoginName
	HeaderDPoP

	numCredentialHeaders
)

// credentialTable is the only list of these headers. Reading, removing and recognizing them
// all use it, so that no header can be read and yet reach an API.
var credentialTable = [numCredentialHeaders]struct {
	name    string // in canonical form
	plain   string // see PlainHeader
	content headerContent
}{
	HeaderAPIToken:        {"Apitoken", "apitoken", contentSecret},
	HeaderOrganizationKey: {"Organizationkey", "organizationkey", contentSecret},
	HeaderAuthorization:   {"Authorization", "authorization", contentScheme},
	HeaderUserLoginName:   {"Userloginname", "userloginname", contentLogin},
	HeaderDPoP:            {"Dpop", "dpop", contentProof},
}

// headerContent is what a header carries.
type headerContent int

const (
	contentSecret headerContent = iota
	contentScheme               // a secret after a scheme, such as Bearer
	contentLogin
	contentProof // that the caller has the token's key (RFC 9449); checked once the token is known
)

// CredentialHeaders holds the values of the headers that carry a credential or belong to one.
type CredentialHeaders [numCredentialHeaders][]string

// CredentialHeadersOf picks them from a call's headers, whose names must be in canonical form.
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

// Presented is the credential in the headers of a call.
type Presented struct {
	Secret     string // empty: none
	DPoP       bool   // it came with the DPoP scheme (RFC 9449 §7.1)
	Login      string // the login name sent with it; empty: none
	TwoSecrets bool   // the call has different secrets, and nobody can tell which one was meant
	TwoLogins  bool   // the call has different login names
}

// Read returns the credential in the headers. An empty header counts as absent, and a
// repeated value counts once.
func (c *CredentialHeaders) Read() (p Presented) {
	for i := range c {
		for _, v := range c[i] {
			switch credentialTable[i].content {
			case contentSecret:
				p.TwoSecrets = setOnce(&p.Secret, v) || p.TwoSecrets
			case contentScheme:
				secret, dpop := readAuthorization(v)
				p.DPoP = p.DPoP || dpop
				p.TwoSecrets = setOnce(&p.Secret, secret) || p.TwoSecrets
			case contentLogin:
				p.TwoLogins = setOnce(&p.Login, v) || p.TwoLogins
			case contentProof:
			}
		}
	}
	return p
}

// setOnce sets value to v unless it is already set, and reports whether the two differ.
func setOnce(value *string, v string) (different bool) {
	switch v = TrimHeader(v); {
	case v == "" || v == *value:
	case *value == "":
		*value = v
	default:
		return true
	}
	return false
}

// TrimHeader removes the spaces and tabs around a header value (RFC 9110 §5.5).
func TrimHeader(v string) string {
	if v == "" || v[0] > ' ' && v[len(v)-1] > ' ' { // there are rarely any
		return v
	}
	return strings.Trim(v, " \t")
}

// readAuthorization returns the token in an Authorization header (RFC 6750 §2.1, RFC 9449
// §7.1) and whether its scheme is DPoP. With any other scheme, the whole value counts as the
// secret: Keyporter never issued it, so the call is refused, and next to a token it is a
// second secret.
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

// The headers Keyporter adds to a call to say who is calling. The kind of credential decides
// which of them a call has. Headers with OwnHeaderPrefix that a client sends are removed first.
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
	HeaderRequestID      = OwnHeaderPrefix + "Request-Id" // every response has it, too
)

// Header is a header with its one value. An empty one isn't sent.
type Header struct{ Name, Value string }

// IdentityHeaders are the headers that identify a principal.
type IdentityHeaders [8]Header

// Identity returns the headers that say who is calling.
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

// IsOwnHeader reports whether a client's header must not reach an API, because it carries a
// credential or could pass for one of Keyporter's identity headers. Only letters and digits
// count: servers that turn headers into variables can't tell X-Keyporter-User from
// X_Keyporter_User.
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

// PlainHeader appends the letters (in lower case) and digits of a header's name to buf, and
// stops when buf is full.
func PlainHeader(buf []byte, name string) []byte {
	for i := 0; i < len(name) && len(buf) < cap(buf); i++ {
		if c := name[i] | 0x20; c >= 'a' && c <= 'z' || name[i] >= '0' && name[i] <= '9' {
			buf = append(buf, c)
		}
	}
	return buf
}

// ProofAlgorithms returns the algorithms that may sign a DPoP proof (RFC 9449). All of them
// are asymmetric.
func ProofAlgorithms() []string { return []string{"ES256", "EdDSA", "PS256", "RS256"} }
