package verify

import (
	"context"

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
		d.Route, d.Version, k.match = c.route(req)
		k.route, k.version = d.Route, d.Version
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
		case keyporter.Passed:
			step.Cause, step.About = s.passed(r)
		case keyporter.Failed:
			step.Cause, step.About = s.cause(r, d.Reason)
		}
		x.Steps = append(x.Steps, step)
	}
	return x, nil
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
