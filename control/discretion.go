package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// discretion hides the names of roles from people they don't concern. Otherwise anyone with
// an organization token could ask about any login name and find out who has which role.
type discretion struct {
	actor keyporter.Actor
	all   bool // they give or make roles, and see them on their pages anyway
}

func (c *Control) discretion(ctx context.Context, actor keyporter.Actor) (discretion, error) {
	p, err := c.Powers(ctx, actor)
	return discretion{actor, p.ManageUsers || p.ManageRoles}, err
}

// hides reports whether a rule's answer rests on another user's roles, in a call with this
// credential and login name.
func (d discretion) hides(t Credential, rule keyporter.Rule, login string) bool {
	switch rule {
	case keyporter.RulePermission:
		return !d.all && t.OwnerID != d.actor.User.ID
	case keyporter.RuleNamedPermission:
		return !d.all && !names.Same(login, d.actor.User.Login)
	}
	return false
}

// cause returns why a call was refused, without the names of roles if they are hidden.
func (d discretion) cause(t Credential, r *keyporter.RefusedCall) string {
	if d.hides(t, r.Reason.Rule(), r.LoginName) {
		return r.Reason.Refusal().Text
	}
	return r.Cause
}

// redact removes the names of roles that are hidden from the explanation of a call with this
// credential and login name.
func (d discretion) redact(t Credential, login string, x *keyporter.Explanation) {
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
}
