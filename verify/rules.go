package verify

import (
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// call is a Request on its way through the rules.
type call struct {
	req       *Request
	now       time.Time
	match     keyporter.Reason // what reading the path came to
	presented keyporter.Reason // what reading the headers came to
	secret    string
	login     single // the login name in the call
	route     *Route
	version   int
	entry     *entry // what the secret opens, nil when nothing
	named     *named // for whom an organization token speaks, nil when for nobody
}

// ofOrganization tells whether the credential is an organization token.
func (k *call) ofOrganization() bool { return k.entry.Kind == keyporter.OrganizationToken }

// notConcerned is what a rule returns that is not about this call.
const notConcerned keyporter.Reason = "-"

// rules has each rule of design §3 and §4 at its number. A rule returns why the call is
// refused, Allowed, or notConcerned. RuleKnown and those after it are asked once the secret
// was looked up, RuleNamedUser and those after it once the named user was.
var rules = [keyporter.NumRules]func(*call) keyporter.Reason{
	keyporter.RulePath:       func(k *call) keyporter.Reason { return k.match },
	keyporter.RuleCredential: func(k *call) keyporter.Reason { return k.presented },
	keyporter.RuleSecret: func(k *call) keyporter.Reason {
		_, ok := keyporter.ParseSecret(k.secret)
		return unless(ok, keyporter.ReasonUnknown)
	},
	keyporter.RuleKnown: func(k *call) keyporter.Reason {
		return unless(k.entry != nil, keyporter.ReasonUnknown)
	},
	keyporter.RuleAccepted: accepted,
	keyporter.RuleEnabled: func(k *call) keyporter.Reason {
		return unless(k.entry.Enabled, keyporter.ReasonDisabled)
	},
	keyporter.RuleNotExpired: func(k *call) keyporter.Reason {
		return unless(k.entry.ExpiresAt.IsZero() || k.now.Before(k.entry.ExpiresAt), keyporter.ReasonExpired)
	},
	keyporter.RuleUserActive: func(k *call) keyporter.Reason {
		return unless(k.entry.UserActive, keyporter.ReasonUserInactive)
	},
	keyporter.RuleOrganization: func(k *call) keyporter.Reason {
		return unless(k.entry.OrganizationActive, keyporter.ReasonOrganization)
	},
	keyporter.RuleFlag: func(k *call) keyporter.Reason {
		return unless(k.entry.FlagAPI, keyporter.ReasonFlag)
	},
	keyporter.RuleOrganizationTokens: func(k *call) keyporter.Reason {
		if !k.ofOrganization() {
			return notConcerned
		}
		return unless(k.entry.FlagOrganizationTokens, keyporter.ReasonNoOrganizationTokens)
	},
	keyporter.RulePermission: func(k *call) keyporter.Reason {
		return mayUseAPI(&k.entry.Standing, keyporter.ReasonNotGranted, keyporter.ReasonBlocked)
	},
	keyporter.RuleLoginName: saysForWhom,
	keyporter.RuleNamedUser: func(k *call) keyporter.Reason {
		if !k.ofOrganization() {
			return notConcerned
		}
		return unless(k.named != nil, keyporter.ReasonNamedUnknown)
	},
	keyporter.RuleNamedActive: func(k *call) keyporter.Reason {
		if !k.ofOrganization() {
			return notConcerned
		}
		return unless(k.named.UserActive, keyporter.ReasonNamedInactive)
	},
	keyporter.RuleNamedPermission: func(k *call) keyporter.Reason {
		if !k.ofOrganization() {
			return notConcerned
		}
		return mayUseAPI(&k.named.Standing, keyporter.ReasonNamedNotGranted, keyporter.ReasonNamedBlocked)
	},
}

func accepted(k *call) keyporter.Reason {
	switch {
	case k.route == nil:
		return notConcerned // a token is explained, without a call
	case k.route.accepts(k.entry.principal.CredentialKind):
		return keyporter.Allowed
	case k.ofOrganization():
		return keyporter.ReasonVersion
	}
	return keyporter.ReasonNotAccepted
}

// mayUseAPI wants api.use to be held: a block beats every grant.
func mayUseAPI(s *store.Standing, notGranted, blocked keyporter.Reason) keyporter.Reason {
	if s.Blocked {
		return blocked
	}
	return unless(s.Granted, notGranted)
}

func saysForWhom(k *call) keyporter.Reason {
	login := k.login.value
	switch {
	case !k.login.ok:
		return keyporter.ReasonTwoLoginNames
	case k.ofOrganization():
		return unless(login != "", keyporter.ReasonNoLoginName)
	}
	same := login == "" || login == k.entry.Login || keyporter.Fold(login) == keyporter.Fold(k.entry.Login)
	return unless(same, keyporter.ReasonLoginName)
}

func unless(ok bool, r keyporter.Reason) keyporter.Reason {
	if ok {
		return keyporter.Allowed
	}
	return r
}
