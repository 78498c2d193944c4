package verify

import (
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// call is a Request on its way through the rules.
type call struct {
	req       Request
	now       time.Time
	match     keyporter.Reason // outcome of reading the path
	presented keyporter.Reason // outcome of reading the headers
	secret    string
	dpop      bool   // sent with the DPoP scheme
	login     single // the login name in the call
	route     *Route
	version   int
	entry     *entry           // of the credential, nil if the secret is unknown
	proof     keyporter.Reason // outcome of checking the proof of the key
	fault     string           // what is wrong with the proof
	dry       bool             // not a real call: don't use up its proof
	named     *named           // the user an organization token acts for, nil if there is none
}

// ofOrganization reports whether the credential is an organization token.
func (k *call) ofOrganization() bool { return k.entry.ofOrganization() }

func (e *entry) ofOrganization() bool { return e.Kind == keyporter.CredentialOrganizationToken }

// notApplicable is what a rule returns if it doesn't apply to this call.
const notApplicable keyporter.Reason = "-"

// ask asks one rule. It returns why the call is refused, Allowed, or notApplicable. RuleKnown
// and the rules after it are asked once the secret has been looked up, RuleNamedUser and
// those after it once the named user has.
//
// It is one switch instead of a table of functions, so that a call can stay on the stack.
func (k *call) ask(r keyporter.Rule) keyporter.Reason {
	switch r {
	case keyporter.RulePath:
		return k.match
	case keyporter.RuleCredential:
		return k.presented
	case keyporter.RuleSecret:
		return unless(keyporter.IsSecret(k.secret), keyporter.ReasonUnknown)
	case keyporter.RuleKnown:
		return unless(k.entry != nil, keyporter.ReasonUnknown)
	case keyporter.RuleProof:
		return k.proof
	case keyporter.RuleAccepted:
		return accepted(k)
	case keyporter.RuleNotExpired:
		return unless(k.entry.ExpiresAt.IsZero() || k.now.Before(k.entry.ExpiresAt), keyporter.ReasonExpired)
	case keyporter.RuleOrganization, keyporter.RuleFlag:
		if k.entry.OrganizationID != "" {
			return k.askOfTenant(r)
		}
	case keyporter.RuleEnabled:
		if k.entry.Access == nil {
			return unless(k.entry.Enabled, keyporter.ReasonDisabled)
		}
	case keyporter.RuleUserActive, keyporter.RulePermission:
		if k.entry.UserID != "" {
			return k.askOfUser(r)
		}
	case keyporter.RuleLoginName:
		return checkLogin(k)
	case keyporter.RuleAppActive, keyporter.RuleAppAllowed, keyporter.RuleAudience, keyporter.RuleScope:
		if k.entry.Access != nil {
			return k.askOfAccess(r)
		}
	case keyporter.RuleOrganizationTokens, keyporter.RuleNamedUser, keyporter.RuleNamedActive, keyporter.RuleNamedPermission:
		if k.ofOrganization() {
			return k.askOfOrganization(r)
		}
	default:
		return keyporter.ReasonUnavailable // an unknown rule must not let anyone through
	}
	return notApplicable
}

// askOfTenant asks a rule about the organization. An app of the whole instance has none.
func (k *call) askOfTenant(r keyporter.Rule) keyporter.Reason {
	if r == keyporter.RuleOrganization {
		return unless(k.entry.OrganizationActive, keyporter.ReasonOrganization)
	}
	return unless(k.entry.FlagAPI, keyporter.ReasonFlag)
}

// askOfUser asks a rule about the user. An app that acts for itself has none.
func (k *call) askOfUser(r keyporter.Rule) keyporter.Reason {
	if r == keyporter.RuleUserActive {
		return unless(k.entry.UserActive, keyporter.ReasonUserInactive)
	}
	return mayUseAPI(&k.entry.Standing, keyporter.ReasonNotGranted, keyporter.ReasonBlocked)
}

// askOfOrganization asks a rule that applies only to organization tokens.
func (k *call) askOfOrganization(r keyporter.Rule) keyporter.Reason {
	switch r {
	case keyporter.RuleOrganizationTokens:
		return unless(k.entry.FlagOrganizationTokens, keyporter.ReasonNoOrganizationTokens)
	case keyporter.RuleNamedUser:
		return unless(k.named != nil, keyporter.ReasonNamedUnknown)
	case keyporter.RuleNamedActive:
		return unless(k.named.UserActive, keyporter.ReasonNamedInactive)
	case keyporter.RuleNamedPermission:
		return mayUseAPI(&k.named.Standing, keyporter.ReasonNamedNotGranted, keyporter.ReasonNamedBlocked)
	}
	return keyporter.ReasonUnavailable
}

func accepted(k *call) keyporter.Reason {
	switch {
	case k.route == nil:
		return notApplicable // a token is being explained, without a call
	case k.route.accepts(k.entry.principal.CredentialKind):
		return keyporter.Allowed
	case k.ofOrganization():
		return keyporter.ReasonVersion
	}
	return keyporter.ReasonNotAccepted
}

// mayUseAPI requires api.use to be held: a block beats every grant.
func mayUseAPI(s *store.Standing, notGranted, blocked keyporter.Reason) keyporter.Reason {
	if s.Blocked {
		return blocked
	}
	return unless(s.Granted, notGranted)
}

// checkLogin asks whether the call says who the token acts for, and whether it may.
func checkLogin(k *call) keyporter.Reason {
	login := k.login.value
	switch {
	case !k.login.ok:
		return keyporter.ReasonTwoLoginNames
	case k.ofOrganization():
		return unless(login != "", keyporter.ReasonNoLoginName)
	}
	if k.entry.Kind == keyporter.CredentialAppToken {
		return unless(login == "", keyporter.ReasonLoginName) // it acts for nobody
	}
	same := login == "" || login == k.entry.Login || names.Same(login, k.entry.Login)
	return unless(same, keyporter.ReasonLoginName)
}

func unless(ok bool, r keyporter.Reason) keyporter.Reason {
	if ok {
		return keyporter.Allowed
	}
	return r
}
