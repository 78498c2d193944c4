package verify

import (
	"strings"

	"github.com/keyporter/keyporter"
)

// readHeaders reads the one secret and the one login name out of the headers of a call.
// An empty header counts as absent, and the same value twice as once; two different
// secrets, or login names, are refused, because it can't be known which one was meant.
func (k *call) readHeaders() {
	req := &k.req
	s := single{ok: true}
	for _, v := range req.APIToken {
		s.add(v)
	}
	for _, v := range req.OrganizationKey {
		s.add(v)
	}
	for _, v := range req.Authorization {
		secret, dpop := token(v)
		k.dpop = k.dpop || dpop
		s.add(secret)
	}
	k.login = single{ok: true}
	for _, v := range req.UserLoginName {
		k.login.add(v)
	}
	k.secret = s.value
	switch {
	case !s.ok:
		k.presented = keyporter.ReasonAmbiguous
	case s.value == "":
		k.presented = keyporter.ReasonNoCredential
	}
}

// single is one value out of several headers; ok is false once two differ.
type single struct {
	value string
	ok    bool
}

func (s *single) add(v string) {
	switch v = trim(v); {
	case v == "" || v == s.value:
	case s.value == "":
		s.value = v
	default:
		s.ok = false
	}
}

// trim takes off spaces and tabs; hardly ever there are any.
func trim(v string) string {
	if v == "" || v[0] > ' ' && v[len(v)-1] > ' ' {
		return v
	}
	return strings.Trim(v, " \t")
}

// token takes the token out of an Authorization header (RFC 6750 §2.1, RFC 9449 §7.1),
// and tells whether its scheme is DPoP. What another scheme carries is a secret too, but
// none of ours: it stays whole, to be refused like any other that was never issued, or as
// the second one beside a token.
func token(v string) (secret string, dpop bool) {
	v = trim(v)
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
