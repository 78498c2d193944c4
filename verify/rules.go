package verify

import (
	"time"

	"github.com/keyporter/keyporter"
)

// call is a Request on its way through the rules.
type call struct {
	req       *Request
	now       time.Time
	match     keyporter.Reason // what reading the path came to
	presented keyporter.Reason // what reading the headers came to
	secret    string
	login     string // the login name in the call, empty when it has none
	route     *Route
	entry     *entry // what the secret opens, nil when nothing
}

// rules has each rule of design §3 and §4 at its number. A rule returns why the call is
// refused, or Allowed. RuleKnown and those after it are asked once the secret was looked up.
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
	keyporter.RuleAccepted: func(k *call) keyporter.Reason {
		return unless(k.route.accepts(k.entry.principal.CredentialKind), keyporter.ReasonNotAccepted)
	},
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
	keyporter.RulePermission: func(k *call) keyporter.Reason {
		if k.entry.Blocked {
			return keyporter.ReasonBlocked // a block beats every grant
		}
		return unless(k.entry.Granted, keyporter.ReasonNotGranted)
	},
	keyporter.RuleLoginName: func(k *call) keyporter.Reason {
		same := k.login == "" || k.login == k.entry.Login || keyporter.Fold(k.login) == keyporter.Fold(k.entry.Login)
		return unless(same, keyporter.ReasonLoginName)
	},
}

func unless(ok bool, r keyporter.Reason) keyporter.Reason {
	if ok {
		return keyporter.Allowed
	}
	return r
}
