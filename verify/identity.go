package verify

import (
	"strings"

	"github.com/keyporter/keyporter"
)

// The headers by which an API behind Keyporter learns who calls. Which of them a call
// carries depends on its credential; whatever a client sent under these names, or under
// any that begin with HeaderPrefix, is taken off before.
const (
	HeaderPrefix         = "X-Keyporter-"
	HeaderUser           = HeaderPrefix + "User"
	HeaderLogin          = HeaderPrefix + "Login"
	HeaderOrganization   = HeaderPrefix + "Organization"
	HeaderCredential     = HeaderPrefix + "Credential"
	HeaderCredentialKind = HeaderPrefix + "Credential-Kind"
	HeaderApp            = HeaderPrefix + "App"
	HeaderScopes         = HeaderPrefix + "Scopes"
	HeaderActor          = HeaderPrefix + "Actor"
)

// IdentityHeaders are the names of all of them.
func IdentityHeaders() []string {
	return []string{HeaderUser, HeaderLogin, HeaderOrganization, HeaderCredential, HeaderCredentialKind, HeaderApp, HeaderScopes, HeaderActor}
}

// Header is a header that is ready to be put into a http.Header.
type Header struct {
	Name   string   // in canonical form
	Values []string // one value
}

// identityOf makes the headers once per credential; making them once per call would cost
// more than all rules together. They lie side by side: a call that comes after those of
// ten thousand other tokens finds them out of the processor's caches, and pays for each
// place that it has to look at.
func identityOf(p *keyporter.Principal) []Header {
	var made struct {
		headers [8]Header
		values  [8]string
	}
	given := [8]struct{ name, value string }{
		{HeaderUser, string(p.UserID)},
		{HeaderLogin, p.Login},
		{HeaderOrganization, string(p.OrganizationID)},
		{HeaderCredential, string(p.CredentialID)},
		{HeaderCredentialKind, string(p.CredentialKind)},
		{HeaderApp, string(p.AppID)},
		{HeaderScopes, strings.Join(p.Scopes, " ")},
		{HeaderActor, string(p.ActorID)},
	}
	text := ""
	for _, h := range given {
		text += h.value
	}
	n := 0
	for _, h := range given {
		if h.value != "" {
			made.values[n], text = text[:len(h.value)], text[len(h.value):]
			made.headers[n] = Header{Name: h.name, Values: made.values[n : n+1 : n+1]}
			n++
		}
	}
	return made.headers[:n]
}
