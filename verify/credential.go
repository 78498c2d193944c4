package verify

import "github.com/keyporter/keyporter"

// readHeaders reads the one secret and the one login name out of the headers of a call.
func (k *call) readHeaders() {
	p := keyporter.ReadHeaders(k.req.APIToken, k.req.OrganizationKey, k.req.Authorization, k.req.UserLoginName)
	k.secret, k.dpop, k.login = p.Secret, p.DPoP, single{value: p.Login, ok: !p.TwoLogins}
	switch {
	case p.TwoSecrets:
		k.presented = keyporter.ReasonAmbiguous
	case p.Secret == "":
		k.presented = keyporter.ReasonNoCredential
	}
}

// single is one value out of several; ok is false when two differ.
type single struct {
	value string
	ok    bool
}
