package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Explain decides about a call the way Check does, but without counting it, and returns what
// each rule said and why. It returns an error if the names it needs can't be read.
func (c *Checker) Explain(ctx context.Context, req *Request) (keyporter.Explanation, error) {
	k := call{req: *req, now: c.now(), dry: true}
	var d Decision
	c.decide(ctx, &k, &d)
	return c.explanation(ctx, &k, &d)
}

// ExplainToken explains a call with one of the token's secrets, without knowing the secret.
// From req it takes the method, host, path, and login name. Without a path, it leaves out
// the rules that depend on one. If there is no such token, the error is keyporter.NotFound.
func (c *Checker) ExplainToken(ctx context.Context, token keyporter.ID, req *Request) (keyporter.Explanation, error) {
	cred, err := c.db.CredentialByToken(ctx, token)
	if err != nil {
		return keyporter.Explanation{}, err
	}
	return c.explain(ctx, cred, req)
}

// ExplainConnection does for a connection what ExplainToken does for a token: it explains a
// call with an access token that has all of the connection's scopes.
func (c *Checker) ExplainConnection(ctx context.Context, connection keyporter.ID, req *Request) (keyporter.Explanation, error) {
	cred, err := c.db.CredentialByConnection(ctx, connection)
	if err != nil {
		return keyporter.Explanation{}, err
	}
	return c.explain(ctx, cred, req)
}

func (c *Checker) explain(ctx context.Context, cred store.Credential, req *Request) (keyporter.Explanation, error) {
	k := call{req: *req, now: c.now(), dry: true, entry: newEntry(keyporter.SecretHash{}, cred)}
	k.readHeaders()
	var d Decision
	if req.Path != "" {
		c.place(&k, &d)
		if !d.ask(&k, keyporter.RulePath, keyporter.RuleCredential) {
			return c.explanation(ctx, &k, &d)
		}
	}
	if d.Allowed = k.route != nil && k.route.Public; !d.Allowed {
		c.decideKnown(ctx, &k, &d)
	}
	return c.explanation(ctx, &k, &d)
}

// explanation adds each rule's cause to a decision. It reads from the database the names that
// deciding doesn't need.
func (c *Checker) explanation(ctx context.Context, k *call, d *Decision) (keyporter.Explanation, error) {
	s := &story{call: k}
	if k.entry != nil {
		if err := s.readNames(ctx, c); err != nil {
			return keyporter.Explanation{}, err
		}
	}
	x := keyporter.Explanation{Decision: d.Decision}
	for r := range keyporter.Rule(keyporter.NumRules) {
		if d.Outcomes[r] == keyporter.NotAsked && (d.Allowed || !s.wouldAsk(r)) {
			continue
		}
		step := keyporter.Step{Rule: r, Outcome: d.Outcomes[r]}
		switch step.Outcome {
		case keyporter.Failed:
			step.Reason = d.Reason
		case keyporter.NotAsked:
			step.Outcome, step.Reason = s.askLater(r)
		}
		switch step.Outcome {
		case keyporter.Passed:
			step.Cause, step.About = s.passed(r)
		case keyporter.Failed:
			step.Cause, step.About = s.cause(r, step.Reason)
		}
		x.Steps = append(x.Steps, step)
	}
	return x, nil
}

// askLater asks a rule after one that failed, so that people learn everything that they have to mend. Rules about what the first
// failure leaves unknown stay unasked.
func (s *story) askLater(r keyporter.Rule) (keyporter.Outcome, keyporter.Reason) {
	switch {
	case s.entry == nil, s.named == nil && r > keyporter.RuleNamedUser:
		return keyporter.NotAsked, ""
	case r == keyporter.RuleNamedUser && (s.named == nil || !s.login.ok):
		return keyporter.NotAsked, ""
	case r == keyporter.RuleLoginName && s.req.Path == "":
		return keyporter.NotAsked, ""
	}
	switch reason := s.ask(r); reason {
	case keyporter.Allowed:
		return keyporter.Passed, ""
	case notApplicable:
		return keyporter.NotAsked, ""
	default:
		return keyporter.Failed, reason
	}
}

// wouldAsk reports whether a rule that wasn't asked would have been if the earlier ones had passed.
func (s *story) wouldAsk(r keyporter.Rule) bool {
	switch r {
	case keyporter.RulePath, keyporter.RuleCredential, keyporter.RuleSecret, keyporter.RuleKnown:
		return s.req.Path != "" && s.secret != ""
	case keyporter.RuleAccepted:
		return s.req.Path != ""
	case keyporter.RuleProof:
		return s.secret != "" && (s.dpop || s.entry != nil && s.entry.keyHash() != "")
	}
	return s.entry == nil && r.AppliesTo(keyporter.CredentialUserToken) || s.entry != nil && s.wouldAskKnown(r)
}

// wouldAskKnown is wouldAsk for the rules asked after the lookup.
func (s *story) wouldAskKnown(r keyporter.Rule) bool {
	switch r {
	case keyporter.RuleAudience:
		return s.route != nil && s.entry.Access != nil && len(s.entry.Access.Resources) > 0
	case keyporter.RuleScope:
		return s.route != nil && s.entry.Access != nil && s.route.Scope != ""
	case keyporter.RuleOrganization, keyporter.RuleFlag:
		return s.entry.OrganizationID != ""
	}
	return r.AppliesTo(s.entry.Kind)
}

// readNames reads the names that the story uses. Whatever was deleted meanwhile has none.
func (s *story) readNames(ctx context.Context, c *Checker) error {
	var err error
	read := func(e error) {
		if e != nil && keyporter.KindOf(e) != keyporter.NotFound {
			err = e
		}
	}
	if s.entry.Access == nil {
		token, e := c.db.TokenByID(ctx, s.entry.TokenID)
		read(e)
		s.token = token.Name
	}
	organization, e := c.db.OrganizationByID(ctx, s.entry.OrganizationID)
	read(e)
	s.organization = organization.Name
	s.ownerRoles, e = c.db.RolesOf(ctx, s.entry.UserID)
	read(e)
	if s.named != nil {
		s.namedRoles, e = c.db.RolesOf(ctx, s.named.UserID)
		read(e)
	}
	return err
}

// story puts the outcomes of one call's rules into words. Its names are empty if they weren't
// read from the database.
type story struct {
	*call

	token, organization    string
	ownerRoles, namedRoles []keyporter.Role
}

// cause says why a rule refused.
func (s *story) cause(r keyporter.Rule, reason keyporter.Reason) (string, []keyporter.Ref) {
	switch reason {
	case keyporter.ReasonMethod:
		return "No API can be called with this method: CONNECT would open a tunnel, and TRACE and TRACK would show headers that Keyporter adds.", nil
	case keyporter.ReasonNoRoute:
		return "No API here has this path with this method and version.", nil
	case keyporter.ReasonUnavailable:
		return "The database can’t be reached. Without it, nothing is allowed.", nil
	case keyporter.ReasonUnknown:
		if r == keyporter.RuleSecret {
			return "Keyporter didn’t create this secret, because its prefix, length, or checksum is wrong, and it can’t be an imported one. It was probably cut off or mistyped.", nil
		}
		return "No token has this secret. It was deleted, or belongs to another Keyporter.", nil
	case keyporter.ReasonNotAccepted:
		return fmt.Sprintf("%s doesn’t accept %s.", capital(s.api()), kindText(s.entry.principal.CredentialKind)), nil
	case keyporter.ReasonVersion:
		return fmt.Sprintf("Organization tokens only work on REST versions 1 to 5, and this is %s. A user token or an app works there.", s.api()), nil
	case keyporter.ReasonDisabled:
		return s.theToken() + " is switched off.", s.tokenRef()
	case keyporter.ReasonExpired:
		return fmt.Sprintf("%s expired on %s.", s.theToken(), s.expiry()), s.tokenRef()
	case keyporter.ReasonUserInactive:
		if s.entry.Access != nil {
			return s.entry.Login + ", for whom the app acts, is switched off.", userRef(&s.entry.Standing)
		}
		return fmt.Sprintf("The owner, %s, is switched off. The token is suspended until they are active again or it is handed over.", s.entry.Login), userRef(&s.entry.Standing)
	case keyporter.ReasonOrganization:
		return s.theOrganization() + " is suspended.", s.organizationRef()
	case keyporter.ReasonFlag:
		return s.lacks(keyporter.FlagAPI)
	case keyporter.ReasonNoOrganizationTokens:
		return s.lacks(keyporter.FlagOrganizationAPIToken)
	case keyporter.ReasonNotGranted, keyporter.ReasonBlocked:
		return notHeld(&s.entry.Standing, s.ownerRoles)
	case keyporter.ReasonNamedNotGranted, keyporter.ReasonNamedBlocked:
		return notHeld(&s.named.Standing, s.namedRoles)
	case keyporter.ReasonProof, keyporter.ReasonBound, keyporter.ReasonNotBound, keyporter.ReasonAppSuspended, keyporter.ReasonAppNotAllowed,
		keyporter.ReasonAudience, keyporter.ReasonScope:
		return s.accessCause(reason)
	}
	return s.loginCause(reason)
}

// loginCause says what is wrong with the login name in the call, or with its user.
func (s *story) loginCause(reason keyporter.Reason) (string, []keyporter.Ref) {
	switch reason {
	case keyporter.ReasonLoginName:
		if s.entry.Access != nil {
			return s.accessCause(reason)
		}
		return fmt.Sprintf("The call names “%s”, but a user token acts only for its owner, %s.", s.login.value, s.entry.Login), userRef(&s.entry.Standing)
	case keyporter.ReasonNoLoginName:
		return "The call has no login name. An organization token needs the login name of the user it acts for, in the UserLoginName header, or in userLoginName over SOAP.", nil
	case keyporter.ReasonTwoLoginNames:
		return "The call has two different login names, so it’s unclear which one was meant.", nil
	case keyporter.ReasonNamedUnknown:
		return fmt.Sprintf("Nobody here has the login name “%s”. An organization token acts only for users of its own organization.", s.login.value), nil
	case keyporter.ReasonNamedInactive:
		return fmt.Sprintf("%s, the user named in the call, is switched off.", s.named.Login), userRef(&s.named.Standing)
	}
	return reason.Refusal().Text, nil
}

// passed says why a rule didn't refuse.
func (s *story) passed(r keyporter.Rule) (string, []keyporter.Ref) {
	switch r {
	case keyporter.RulePath:
		return fmt.Sprintf("It is a path of %s.", s.api()), nil
	case keyporter.RuleCredential:
		return "It has one.", nil
	case keyporter.RuleSecret:
		return "Nothing suggests that it was cut off or mistyped.", nil
	case keyporter.RuleKnown:
		return fmt.Sprintf("It is %s.", "the"+strings.TrimPrefix(s.theToken(), "The")), s.tokenRef()
	case keyporter.RuleAccepted:
		return fmt.Sprintf("%s accepts %s.", capital(s.api()), kindText(s.entry.principal.CredentialKind)), nil
	case keyporter.RuleEnabled:
		return "It is switched on.", nil
	case keyporter.RuleNotExpired:
		switch {
		case s.entry.Access != nil && s.entry.ExpiresAt.IsZero(): // a connection is explained
			return "Access tokens expire quickly, and the app gets new ones.", nil
		case s.entry.ExpiresAt.IsZero():
			return "It doesn’t expire.", nil
		}
		return fmt.Sprintf("It expires on %s.", s.expiry()), nil
	case keyporter.RuleUserActive:
		return s.entry.Login + " is active.", userRef(&s.entry.Standing)
	case keyporter.RuleOrganization:
		return s.theOrganization() + " is active.", s.organizationRef()
	case keyporter.RuleFlag, keyporter.RuleOrganizationTokens:
		return "The operator has granted it.", nil
	case keyporter.RulePermission:
		return held(&s.entry.Standing, s.ownerRoles)
	case keyporter.RuleNamedPermission:
		return held(&s.named.Standing, s.namedRoles)
	case keyporter.RuleLoginName:
		return s.loginPassed()
	case keyporter.RuleProof, keyporter.RuleAppActive, keyporter.RuleAppAllowed, keyporter.RuleAudience, keyporter.RuleScope:
		return s.accessPassed(r)
	case keyporter.RuleNamedUser:
		return s.named.Login + " is in the organization.", userRef(&s.named.Standing)
	case keyporter.RuleNamedActive:
		return s.named.Login + " is active.", nil
	}
	return "", nil
}

func (s *story) loginPassed() (string, []keyporter.Ref) {
	login := s.login.value
	switch {
	case login == "" && s.entry.Kind == keyporter.CredentialAppToken:
		return "It has no login name: the app acts for itself.", nil
	case login == "" && s.entry.Access != nil:
		return fmt.Sprintf("The app acts for %s. No login name is needed.", s.entry.Login), nil
	case login == "":
		return fmt.Sprintf("A user token acts for its owner, %s. No login name is needed.", s.entry.Login), nil
	case s.named != nil && s.named.Login != login, s.named == nil && !s.ofOrganization() && s.entry.Login != login:
		return fmt.Sprintf("It names “%s”. Letter case doesn’t matter.", login), nil
	}
	return fmt.Sprintf("It names “%s”.", login), nil
}

func (s *story) api() string {
	if s.version == 0 {
		return "the API “" + s.route.api.Name + "”"
	}
	return fmt.Sprintf("version %d of the API “%s”", s.version, s.route.api.Name)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func kindText(k keyporter.CredentialKind) string {
	return strings.ReplaceAll(string(k), "_", " ") + "s"
}

func (s *story) theToken() string {
	if s.entry.Access != nil {
		return "The access token of " + s.theApp()
	}
	if s.token == "" {
		return "The token"
	}
	return "The token “" + s.token + "”"
}

func (s *story) theOrganization() string {
	if s.organization == "" {
		return "The organization"
	}
	return "The organization “" + s.organization + "”"
}

func (s *story) expiry() string { return s.entry.ExpiresAt.UTC().Format("Jan 2, 2006, 3:04 PM UTC") }

func (s *story) tokenRef() []keyporter.Ref {
	if s.entry.Access != nil {
		return s.appRef()
	}
	return []keyporter.Ref{{Noun: "token", ID: s.entry.TokenID, Name: s.token}}
}

func (s *story) organizationRef() []keyporter.Ref {
	return []keyporter.Ref{{Noun: "organization", ID: s.entry.OrganizationID, Name: s.organization}}
}

func (s *story) lacks(f keyporter.Flag) (string, []keyporter.Ref) {
	return fmt.Sprintf("%s doesn’t have the feature %s (%s). The operator of this Keyporter can grant it.", s.theOrganization(), f.Name(), f),
		[]keyporter.Ref{{Noun: "flag", ID: keyporter.ID(f), Name: f.Name()}}
}

func userRef(s *store.Standing) []keyporter.Ref {
	return []keyporter.Ref{{Noun: "user", ID: s.UserID, Name: s.Login}}
}

// notHeld says why a user doesn't hold api.use. roles are all of the user's roles, or empty if
// they weren't read.
func notHeld(s *store.Standing, roles []keyporter.Role) (string, []keyporter.Ref) {
	switch {
	case len(s.BlockedBy) > 0:
		return fmt.Sprintf("%s blocks Use the API (api.use) for %s, whatever other roles grant.", subject(s.BlockedBy), s.Login), slices.Concat(s.BlockedBy, userRef(s))
	case len(roles) > 0:
		refs := keyporter.RoleRefs(roles)
		return fmt.Sprintf("No role of %s grants Use the API (api.use). They have %s.", s.Login, quoted(refs)), append(refs, userRef(s)...)
	}
	return fmt.Sprintf("No role of %s grants Use the API (api.use).", s.Login), userRef(s)
}

func held(s *store.Standing, roles []keyporter.Role) (string, []keyporter.Ref) {
	refs := keyporter.RoleRefs(keyporter.Resolve(roles, keyporter.PermissionUseAPI).Granting)
	return fmt.Sprintf("%s grants Use the API (api.use) to %s, and no role blocks it.", subject(refs), s.Login), append(refs, userRef(s)...)
}

// subject names roles as the subject of a sentence.
func subject(refs []keyporter.Ref) string {
	if len(refs) == 1 {
		return "The role " + quoted(refs)
	}
	return "Each of the roles " + quoted(refs)
}

func quoted(refs []keyporter.Ref) string {
	all := make([]string, len(refs))
	for i, r := range refs {
		all[i] = "“" + r.Name + "”"
	}
	return strings.Join(all, ", ")
}
