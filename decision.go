package keyporter

import (
	"slices"
	"strings"
)

// Rule is one question that a check asks, in the order of the constants. The first rule that
// fails decides, and the rest are not asked.
type Rule uint8

// The rules.
const (
	RulePath               Rule = iota // the path belongs to an API and is unambiguous, and the method is one that APIs have
	RuleCredential                     // the call carries exactly one credential, where this API expects it
	RuleSecret                         // its prefix, length and checksum are right, or it could be an imported one
	RuleKnown                          // it was issued, and hasn't been deleted or revoked
	RuleProof                          // it is bound to no key, or the call proves that it has the key (RFC 9449); this early, so that a thief of the token learns nothing more
	RuleAccepted                       // this API version accepts its kind of credential
	RuleEnabled                        // it is switched on
	RuleNotExpired                     // it has not expired
	RuleAppActive                      // its app is active; asked of access tokens
	RuleUserActive                     // its owner, the user who added it, is active
	RuleOrganization                   // the owner's organization is active
	RuleFlag                           // the organization has the flag Api
	RuleOrganizationTokens             // the organization has the flag OrganizationApiToken; asked of organization tokens
	RuleAppAllowed                     // the organization lets its users connect the app; asked of access tokens
	RulePermission                     // the owner holds api.use
	RuleLoginName                      // the login name in the call is right: with a user token the owner's or none, with an organization token exactly one
	RuleAudience                       // it is for this API (RFC 8707); asked of access tokens
	RuleScope                          // it has the scope the call needs; asked of access tokens

	// Asked of organization tokens, about the user the call names.
	RuleNamedUser       // they are in the organization
	RuleNamedActive     // they are active
	RuleNamedPermission // they hold api.use

	NumRules = int(RuleNamedPermission) + 1
)

// String returns the rule as a question for people.
func (r Rule) String() string {
	return [NumRules]string{
		RulePath:               "Does the path belong to an API?",
		RuleCredential:         "Does the call carry exactly one credential?",
		RuleSecret:             "Is it well-formed?",
		RuleKnown:              "Was this token issued, and does it still exist?",
		RuleProof:              "Does the call prove that it has the token’s key?",
		RuleAccepted:           "Does this API version accept this kind of credential?",
		RuleEnabled:            "Is the token switched on?",
		RuleNotExpired:         "Is its expiry date still to come, if it has one?",
		RuleAppActive:          "Is its app active?",
		RuleUserActive:         "Is its owner active?",
		RuleOrganization:       "Is the organization active?",
		RuleFlag:               "Does the organization have API access (Api)?",
		RuleOrganizationTokens: "Does the organization have the feature Organization tokens (OrganizationApiToken)?",
		RuleAppAllowed:         "Does the organization let its users connect the app?",
		RulePermission:         "Does a role of the owner grant Use the API (api.use), and does none block it?",
		RuleLoginName:          "Does the call say who the token acts for?",
		RuleAudience:           "Is the token for this API?",
		RuleScope:              "Does it have the scope the call needs?",
		RuleNamedUser:          "Is the named user in the organization?",
		RuleNamedActive:        "Is the named user active?",
		RuleNamedPermission:    "Does a role of the named user grant Use the API (api.use), and does none block it?",
	}[r]
}

// AppliesTo reports whether the rule applies to a kind of credential. Some rules are only asked
// if there is something to ask about, such as a scope the call needs or a token's key.
func (r Rule) AppliesTo(k CredentialKind) bool {
	switch r {
	case RuleOrganizationTokens, RuleNamedUser, RuleNamedActive, RuleNamedPermission:
		return k == CredentialOrganizationToken
	case RuleProof, RuleAppActive, RuleAudience, RuleScope:
		return k == CredentialAccessToken || k == CredentialAppToken
	case RuleAppAllowed:
		return k == CredentialAccessToken
	case RuleEnabled:
		return k == CredentialUserToken || k == CredentialOrganizationToken
	case RuleUserActive, RulePermission:
		return k != CredentialAppToken
	}
	return true
}

// Outcome is the result of one rule in one check.
type Outcome uint8

// The outcomes.
const (
	NotAsked Outcome = iota // an earlier rule failed, or this one doesn't apply to the call
	Passed
	Failed
)

// Reason says why a call is refused. It is empty for an allowed call.
type Reason string

// The reasons. Anyone can see those before ReasonNotAccepted. Only a caller with a valid
// secret sees the others.
const (
	Allowed                    Reason = ""
	ReasonUnavailable          Reason = "unavailable"
	ReasonNoRoute              Reason = "path.unknown"
	ReasonBadPath              Reason = "path.ambiguous"
	ReasonMethod               Reason = "method.refused" // CONNECT, TRACE, or TRACK
	ReasonNoCredential         Reason = "credential.missing"
	ReasonAmbiguous            Reason = "credential.ambiguous"
	ReasonUnknown              Reason = "credential.unknown" // malformed, never issued, or deleted: callers can't tell these apart
	ReasonNotAccepted          Reason = "credential.not_accepted"
	ReasonVersion              Reason = "organization_token.version" // not accepted, because it is an organization token
	ReasonDisabled             Reason = "token.disabled"
	ReasonExpired              Reason = "token.expired"
	ReasonProof                Reason = "access_token.proof"     // the DPoP proof is missing or wrong, or was used before
	ReasonBound                Reason = "access_token.bound"     // the token is bound to a key, but was sent as a bearer token
	ReasonNotBound             Reason = "access_token.not_bound" // the token came with a proof, but isn't bound to a key
	ReasonAppSuspended         Reason = "app.suspended"          // or not approved yet
	ReasonAppNotAllowed        Reason = "app.not_allowed"
	ReasonAudience             Reason = "access_token.audience"
	ReasonScope                Reason = "access_token.scope"
	ReasonUserInactive         Reason = "user.inactive"
	ReasonOrganization         Reason = "organization.inactive"
	ReasonFlag                 Reason = "flag.missing"
	ReasonNoOrganizationTokens Reason = "organization_token.flag_missing"
	ReasonNotGranted           Reason = "permission.not_granted"
	ReasonBlocked              Reason = "permission.blocked"
	ReasonLoginName            Reason = "login_name.mismatch"
	ReasonNoLoginName          Reason = "login_name.missing"
	ReasonTwoLoginNames        Reason = "login_name.ambiguous"
	ReasonNamedUnknown         Reason = "named_user.unknown" // nobody in this organization has that login name
	ReasonNamedInactive        Reason = "named_user.inactive"
	ReasonNamedNotGranted      Reason = "named_user.not_granted"
	ReasonNamedBlocked         Reason = "named_user.blocked"
)

// Refusal is what a reason means to the caller.
type Refusal struct {
	Status int    // HTTP status: 400, 401, 403, 404, 501 or 503
	Code   string // error code of RFC 6750 §3.1 or RFC 9449 §7.1; empty where they have none
	Text   string // one sentence
}

// refusals says which rule fails with each reason, and what the caller sees.
var refusals = map[Reason]struct {
	rule    Rule
	refusal Refusal
}{
	ReasonUnavailable:          {RuleKnown, Refusal{503, "", "The request can't be checked right now. Try again soon."}},
	ReasonNoRoute:              {RulePath, Refusal{404, "", "There is no API at this address."}},
	ReasonBadPath:              {RulePath, Refusal{400, "invalid_request", "The path is ambiguous. Send it without dot segments, double slashes, or encoded separators."}},
	ReasonMethod:               {RulePath, Refusal{501, "", "No API can be called with this method."}}, // RFC 9110 §9.1: not implemented, for any resource
	ReasonNoCredential:         {RuleCredential, Refusal{401, "", "This API needs an API token."}},     // RFC 6750 §3.1: no error code without a credential
	ReasonAmbiguous:            {RuleCredential, Refusal{400, "invalid_request", "The request carries more than one credential. Send only one."}},
	ReasonUnknown:              {RuleKnown, Refusal{401, "invalid_token", "The token is not valid."}},
	ReasonNotAccepted:          {RuleAccepted, Refusal{403, "insufficient_scope", "This API version doesn't accept this kind of credential."}},
	ReasonVersion:              {RuleAccepted, Refusal{403, "insufficient_scope", "Organization tokens only work on REST versions 1 to 5. Use a user token or an app for this version."}},
	ReasonDisabled:             {RuleEnabled, Refusal{401, "invalid_token", "This token is switched off. Its owner can switch it on under API Tokens and Apps."}},
	ReasonExpired:              {RuleNotExpired, Refusal{401, "invalid_token", "This token has expired."}},
	ReasonProof:                {RuleProof, Refusal{401, "invalid_dpop_proof", "The DPoP proof is missing, was used before, or doesn't match this call, this token, or the current time."}},
	ReasonBound:                {RuleProof, Refusal{401, "invalid_token", "This token is bound to a key. Send it with the DPoP scheme and a proof."}},
	ReasonNotBound:             {RuleProof, Refusal{401, "invalid_token", "This token is not bound to a key. Send it with the Bearer scheme."}},
	ReasonAppSuspended:         {RuleAppActive, Refusal{401, "invalid_token", "The app this token was issued to is suspended or not yet approved."}},
	ReasonAppNotAllowed:        {RuleAppAllowed, Refusal{403, "insufficient_scope", "The user's organization doesn't allow this app."}},
	ReasonAudience:             {RuleAudience, Refusal{401, "invalid_token", "This token is for another API."}},
	ReasonScope:                {RuleScope, Refusal{403, "insufficient_scope", "The token doesn't have the scope this call needs."}},
	ReasonUserInactive:         {RuleUserActive, Refusal{401, "invalid_token", "The owner of this token is not active."}},
	ReasonOrganization:         {RuleOrganization, Refusal{401, "invalid_token", "The organization of this token is suspended."}},
	ReasonFlag:                 {RuleFlag, Refusal{403, "insufficient_scope", "The token's organization doesn't have API access (Api)."}},
	ReasonNoOrganizationTokens: {RuleOrganizationTokens, Refusal{403, "insufficient_scope", "The organization doesn't have the feature Organization tokens (OrganizationApiToken). Use a user token or an app."}},
	ReasonNotGranted:           {RulePermission, Refusal{403, "insufficient_scope", "The token's owner can't use the API: none of their roles grants Use the API (api.use)."}},
	ReasonBlocked:              {RulePermission, Refusal{403, "insufficient_scope", "The token's owner can't use the API: one of their roles blocks Use the API (api.use)."}},
	ReasonLoginName:            {RuleLoginName, Refusal{401, "invalid_token", "The login name in the request doesn't match the token's owner."}},
	ReasonNoLoginName:          {RuleLoginName, Refusal{401, "invalid_token", "An organization token needs the login name of the user it acts for, in the UserLoginName header, or in userLoginName over SOAP."}},
	ReasonTwoLoginNames:        {RuleLoginName, Refusal{401, "invalid_token", "The request carries more than one login name. Send only one."}},
	ReasonNamedUnknown:         {RuleNamedUser, Refusal{401, "invalid_token", "No user in the organization has the login name in the request."}},
	ReasonNamedInactive:        {RuleNamedActive, Refusal{401, "invalid_token", "The user named in the request is not active."}},
	ReasonNamedNotGranted:      {RuleNamedPermission, Refusal{403, "insufficient_scope", "The user named in the request can't use the API: none of their roles grants Use the API (api.use)."}},
	ReasonNamedBlocked:         {RuleNamedPermission, Refusal{403, "insufficient_scope", "The user named in the request can't use the API: one of their roles blocks Use the API (api.use)."}},
}

// Rule returns the rule that fails with r. ReasonUnknown covers RuleSecret too, and returns
// RuleKnown. So does ReasonUnavailable, because RuleKnown is the first to need the state.
func (r Reason) Rule() Rule {
	if known, ok := refusals[r]; ok {
		return known.rule
	}
	return RuleKnown
}

// ReasonsAbout returns the reasons whose texts for the caller contain a part; letter case doesn't matter.
func ReasonsAbout(part string) (all []Reason) {
	for r, known := range refusals {
		if strings.Contains(strings.ToLower(known.refusal.Text), strings.ToLower(part)) {
			all = append(all, r)
		}
	}
	slices.Sort(all)
	return all
}

// ReasonsOf returns the reasons with which one of the rules fails.
func ReasonsOf(rules ...Rule) (all []Reason) {
	for r, known := range refusals {
		if slices.Contains(rules, known.rule) {
			all = append(all, r)
		}
	}
	slices.Sort(all)
	return all
}

// Refusal returns what the caller sees when a call is refused for r.
func (r Reason) Refusal() Refusal {
	if known, ok := refusals[r]; ok {
		return known.refusal
	}
	return refusals[ReasonUnavailable].refusal
}

// Decision is the result of a check.
type Decision struct {
	Allowed   bool
	Reason    Reason // why the call is refused
	Outcomes  [NumRules]Outcome
	Principal *Principal // the caller; nil on a public path, or if the secret is wrong
}
