package keyporter

import "strings"

// Presented is what the headers of a call carry: a secret, and the login name beside it.
type Presented struct {
	Secret     string // empty: none
	DPoP       bool   // it came with the scheme DPoP (RFC 9449 §7.1)
	Login      string // empty: none
	TwoSecrets bool   // that differ: it can't be known which one was meant
	TwoLogins  bool   // likewise
}

// ProofAlgorithms are those by which proofs of keys (DPoP, RFC 9449) may be signed:
// asymmetric ones, named one by one.
func ProofAlgorithms() []string { return []string{"ES256", "EdDSA", "PS256", "RS256"} }

// ReadHeaders reads the values of the headers ApiToken, OrganizationKey, Authorization and
// UserLoginName. An empty one counts as absent, and the same value twice as once.
func ReadHeaders(apiToken, organizationKey, authorization, userLoginName []string) (p Presented) {
	for _, v := range apiToken {
		p.TwoSecrets = add(&p.Secret, v) || p.TwoSecrets
	}
	for _, v := range organizationKey {
		p.TwoSecrets = add(&p.Secret, v) || p.TwoSecrets
	}
	for _, v := range authorization {
		secret, dpop := readAuthorization(v)
		p.DPoP = p.DPoP || dpop
		p.TwoSecrets = add(&p.Secret, secret) || p.TwoSecrets
	}
	for _, v := range userLoginName {
		p.TwoLogins = add(&p.Login, v) || p.TwoLogins
	}
	return p
}

// add takes v for the value, if there is none yet, and tells whether there is another one.
func add(value *string, v string) (another bool) {
	switch v = TrimHeader(v); {
	case v == "" || v == *value:
	case *value == "":
		*value = v
	default:
		return true
	}
	return false
}

// TrimHeader takes off spaces and tabs (RFC 9110 §5.5); hardly ever there are any.
func TrimHeader(v string) string {
	if v == "" || v[0] > ' ' && v[len(v)-1] > ' ' {
		return v
	}
	return strings.Trim(v, " \t")
}

// readAuthorization takes the token out of an Authorization header (RFC 6750 §2.1, RFC
// 9449 §7.1), and tells whether its scheme is DPoP. What another scheme carries is a
// secret too, but none of ours: it stays whole, to be refused like any other that was
// never issued, or as the second one beside a token.
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
