package verify

import "github.com/keyporter/keyporter"

// SetHeaders sets the fields for the headers that can carry a credential from the headers of a call.
func (r *Request) SetHeaders(h map[string][]string) {
	c := keyporter.CredentialHeadersOf(h)
	r.APIToken, r.OrganizationKey, r.Authorization = c[keyporter.HeaderAPIToken], c[keyporter.HeaderOrganizationKey], c[keyporter.HeaderAuthorization]
	r.UserLoginName, r.DPoP = c[keyporter.HeaderUserLoginName], c[keyporter.HeaderDPoP]
}

// Headers returns the headers of the call that can carry a credential.
func (r *Request) Headers() keyporter.CredentialHeaders {
	return keyporter.CredentialHeaders{
		keyporter.HeaderAPIToken: r.APIToken, keyporter.HeaderOrganizationKey: r.OrganizationKey, keyporter.HeaderAuthorization: r.Authorization,
		keyporter.HeaderUserLoginName: r.UserLoginName, keyporter.HeaderDPoP: r.DPoP,
	}
}

// readHeaders finds the one secret and the one login name in the headers of the call.
func (k *call) readHeaders() {
	headers := k.req.Headers()
	p := headers.Read()
	k.secret, k.dpop, k.login = p.Secret, p.DPoP, single{value: p.Login, ok: !p.TwoLogins}
	switch {
	case p.TwoSecrets:
		k.presented = keyporter.ReasonAmbiguous
	case p.Secret == "":
		k.presented = keyporter.ReasonNoCredential
	}
}

// single is the one value that several places agree on; ok is false if two differ.
type single struct {
	value string
	ok    bool
}
