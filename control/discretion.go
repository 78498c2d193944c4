package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// discretion keeps the names of roles from who has no business with them. Who holds an
// organization token can ask about any login name that he likes, and would find out so who
// has which role.
type discretion struct {
	actor keyporter.Actor
	all   bool // he gives roles or makes them, and sees them on their pages anyway
}

func (c *Control) discretion(ctx context.Context, actor keyporter.Actor) (discretion, error) {
	p, err := c.Powers(ctx, actor)
	return discretion{actor, p.ManageUsers || p.ManageRoles}, err
}

// hides tells whether what a rule rests on are the roles of somebody else, in a call with
// the credential and that login name.
func (d discretion) hides(t Credential, rule keyporter.Rule, login string) bool {
	switch rule {
	case keyporter.RulePermission:
		return !d.all && t.OwnerID != d.actor.User.ID
	case keyporter.RuleNamedPermission:
		return !d.all && !names.Same(login, d.actor.User.Login)
	}
	return false
}

// cause is that of a refused call, without names of roles where they are hidden.
func (d discretion) cause(t Credential, r *keyporter.RefusedCall) string {
	if d.hides(t, r.Reason.Rule(), r.LoginName) {
		return r.Reason.Refusal().Text
	}
	return r.Cause
}

// Told returns the steps of an explanation of a call with the credential and that login name,
// as the actor may see them: the names of roles are for who has them, and for who gives or makes roles.
func (c *Control) Told(ctx context.Context, actor keyporter.Actor, t Credential, login string, x keyporter.Explanation) ([]keyporter.Step, error) {
	d, err := c.discretion(ctx, actor)
	if err != nil {
		return nil, err
	}
	for i := range x.Steps {
		s := &x.Steps[i]
		if s.Outcome == keyporter.NotAsked || !d.hides(t, s.Rule, login) {
			continue
		}
		s.About, s.Cause = nil, "One of their roles grants it, and none blocks it."
		if s.Outcome == keyporter.Failed {
			s.Cause = x.Reason.Refusal().Text
		}
	}
	return x.Steps, nil
}
