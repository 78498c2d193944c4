package verify

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Explain decides about a call as Check does, without counting it, and tells what each
// rule said and what that rests on.
func (c *Checker) Explain(ctx context.Context, req *Request) (keyporter.Explanation, error) {
	k := call{req: *req, now: c.now(), dry: true}
	var d Decision
	c.decide(ctx, &k, &d)
	return c.tell(ctx, &k, &d)
}

// ExplainToken tells what becomes of a call with one of the token's secrets, which needn't
// be known for that. Of req it takes method, host, path and login name. Without a path it
// leaves out what the path decides.
func (c *Checker) ExplainToken(ctx context.Context, token keyporter.ID, req *Request) (keyporter.Explanation, error) {
	cred, err := c.db.CredentialByToken(ctx, token)
	if err != nil {
		return keyporter.Explanation{}, err
	}
	return c.explain(ctx, cred, req)
}

// ExplainConnection tells, as ExplainToken does, what becomes of a call that an app makes
// under a connection, with an access token that has all of its scopes.
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
			return c.tell(ctx, &k, &d)
		}
	}
	if d.Allowed = k.route != nil && k.route.Public; !d.Allowed {
		c.decideKnown(ctx, &k, &d)
	}
	return c.tell(ctx, &k, &d)
}

// tell makes the explanation of a decision. It asks the database for the names that
// decisions do without.
func (c *Checker) tell(ctx context.Context, k *call, d *Decision) (keyporter.Explanation, error) {
	s := &story{call: k}
	if k.entry != nil {
		if err := s.look(ctx, c); err != nil {
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

// wouldAsk tells whether a rule that wasn't asked would have been, had those before it passed.
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

// wouldAskKnown is wouldAsk of the rules that are about what was looked up.
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

// look reads what the story names. What is gone meanwhile stays without a name.
func (s *story) look(ctx context.Context, c *Checker) error {
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
