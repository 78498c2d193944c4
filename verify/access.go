package verify

import (
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// keyHash returns the thumbprint of the key the token is bound to, or "" if it isn't bound.
func (e *entry) keyHash() string {
	if e.Access == nil {
		return ""
	}
	return e.Access.KeyHash
}

// askOfAccess asks a rule that applies only to access tokens.
func (k *call) askOfAccess(r keyporter.Rule) keyporter.Reason {
	a := k.entry.Access
	switch r {
	case keyporter.RuleAppActive:
		return unless(a.AppState == keyporter.AppActive, keyporter.ReasonAppSuspended)
	case keyporter.RuleAppAllowed:
		if a.ConnectionID == "" {
			return notApplicable
		}
		return unless(a.AppAllowed, keyporter.ReasonAppNotAllowed)
	case keyporter.RuleAudience:
		if k.route == nil || len(a.Resources) == 0 {
			return notApplicable
		}
		return unless(slices.Contains(a.Resources, k.route.api.Resource), keyporter.ReasonAudience)
	case keyporter.RuleScope:
		if k.route == nil || k.route.Scope == "" {
			return notApplicable
		}
		for scope := range strings.FieldsSeq(k.route.Scope) { // several if a call fits several routes
			if !slices.Contains(a.Scopes, scope) {
				return keyporter.ReasonScope
			}
		}
		return keyporter.Allowed
	}
	return keyporter.ReasonUnavailable
}
