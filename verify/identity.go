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

// Header is a header that is ready to be put into a http.Header.
type Header struct {
	Name   string   // in canonical form
	Values []string // one value
}

// identityOf makes the headers once per credential; making them once per call would cost
// more than all rules together.
func identityOf(p *keyporter.Principal) []Header {
	var all []Header
	for _, h := range []struct{ name, value string }{
		{HeaderUser, string(p.UserID)},
		{HeaderLogin, p.Login},
		{HeaderOrganization, string(p.OrganizationID)},
		{HeaderCredential, string(p.CredentialID)},
		{HeaderCredentialKind, string(p.CredentialKind)},
		{HeaderApp, string(p.AppID)},
		{HeaderScopes, strings.Join(p.Scopes, " ")},
		{HeaderActor, string(p.ActorID)},
	} {
		if h.value != "" {
			all = append(all, Header{Name: h.name, Values: []string{h.value}})
		}
	}
	return all
}
