package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// accessCause says why a rule about access tokens refused.
func (s *story) accessCause(reason keyporter.Reason) (string, []keyporter.Ref) {
	switch a := s.entry.Access; reason {
	case keyporter.ReasonProof:
		return s.fault, s.appRef()
	case keyporter.ReasonBound:
		return fmt.Sprintf("The token is bound to a key of %s, but it was sent as a bearer token, without proof that the caller has the key. It may have been stolen.", s.theApp()), s.appRef()
	case keyporter.ReasonNotBound:
		return "The call uses the DPoP scheme, but the token isn’t bound to a key. Send it with the Bearer scheme.", nil
	case keyporter.ReasonAppSuspended:
		if a.AppState == keyporter.AppQuarantined {
			return capital(s.theApp()) + " registered itself, and no operator has approved it yet.", s.appRef()
		}
		return capital(s.theApp()) + " is suspended, along with all of its tokens.", s.appRef()
	case keyporter.ReasonAppNotAllowed:
		return fmt.Sprintf("%s doesn’t let its users connect %s anymore. An administrator can allow it again.", s.theOrganization(), s.theApp()),
			append(s.appRef(), s.organizationRef()...)
	case keyporter.ReasonAudience:
		return fmt.Sprintf("The token was issued for %s, but %s.", strings.Join(a.Resources, ", "), s.resource()), s.appRef()
	case keyporter.ReasonLoginName:
		if s.entry.UserID == "" {
			return fmt.Sprintf("The call names “%s”, but %s acts for itself, not for a user.", s.login.value, s.theApp()), s.appRef()
		}
		return fmt.Sprintf("The call names “%s”, but here %s acts only for %s.", s.login.value, s.theApp(), s.entry.Login), append(s.appRef(), s.userRef()...)
	}
	return s.scopeCause()
}

// scopeCause says where the scope is missing, which decides what to do about it.
func (s *story) scopeCause() (string, []keyporter.Ref) {
	refs, needed := append(s.appRef(), s.userRef()...), s.missingScope()
	switch a := s.entry.Access; {
	case slices.Contains(a.Permitted, needed):
		return fmt.Sprintf("The call needs the scope %s. %s had it, but it was removed from what the app can ask for.", needed, capital(s.theApp())), refs
	case slices.Contains(a.Issued, needed):
		return fmt.Sprintf("The call needs the scope %s. %s had it, but it was removed from the connection of %s.", needed, capital(s.theApp()), s.entry.Login), refs
	}
	has := "none"
	if issued := s.entry.Access.Issued; len(issued) > 0 {
		has = strings.Join(issued, ", ")
	}
	return fmt.Sprintf("The call needs the scope %s. The token was issued with others: %s. %s has to ask for it.", needed, has, capital(s.theApp())), refs
}

// missingScope returns the first scope that the call needs and doesn't have.
func (s *story) missingScope() string {
	for scope := range strings.FieldsSeq(s.route.Scope) {
		if !slices.Contains(s.entry.Access.Scopes, scope) {
			return scope
		}
	}
	return s.route.Scope
}

// accessPassed says why a rule about access tokens didn't refuse.
func (s *story) accessPassed(r keyporter.Rule) (string, []keyporter.Ref) {
	switch r {
	case keyporter.RuleProof:
		return "The proof is for this call and signed with the key the token is bound to.", nil
	case keyporter.RuleAppActive:
		return capital(s.theApp()) + " is active.", s.appRef()
	case keyporter.RuleAppAllowed:
		return s.theOrganization() + " does.", s.organizationRef()
	case keyporter.RuleAudience:
		return fmt.Sprintf("It was issued for %s.", s.route.api.Resource), nil
	}
	return fmt.Sprintf("It has %s.", s.route.Scope), nil
}

func (s *story) resource() string {
	if r := s.route.api.Resource; r != "" {
		return "this API is " + r
	}
	return "this API has no resource identifier"
}

func (s *story) theApp() string { return "the app “" + s.entry.Access.AppName + "”" }

func (s *story) appRef() []keyporter.Ref {
	return []keyporter.Ref{{Noun: "app", ID: s.entry.Access.AppID, Name: s.entry.Access.AppName}}
}

// userRef returns the user the app acts for, if any.
func (s *story) userRef() []keyporter.Ref {
	if s.entry.UserID == "" {
		return nil
	}
	return userRef(&s.entry.Standing)
}
