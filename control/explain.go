package control

import (
	"context"
	"errors"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/verify"
)

var errNoChecker = errors.New("explain a call: this Control has no Checker")

// Explain returns what each rule says about a call with a token, or by an app under a
// connection, if the actor may manage it. It needs no secret: it uses the method, host, path,
// and login name of req. Without a path, it skips the rules that depend on one. Nothing is
// counted. Names of roles are visible only to the user who has the roles and to people who give
// or make roles.
func (c *Control) Explain(ctx context.Context, actor keyporter.Actor, credential keyporter.ID, req *verify.Request) (keyporter.Explanation, error) {
	t, err := c.Credential(ctx, actor, credential)
	if err != nil {
		return keyporter.Explanation{}, err
	}
	d, err := c.discretion(ctx, actor)
	if err != nil {
		return keyporter.Explanation{}, err
	}
	if c.checker == nil {
		return keyporter.Explanation{}, errNoChecker
	}
	explain := c.checker.ExplainToken
	if t.AppID != "" {
		explain = c.checker.ExplainConnection
	}
	x, err := explain(ctx, t.ID, req)
	if err != nil {
		return keyporter.Explanation{}, missing(err, "credential") // deleted a moment ago
	}
	headers := req.Headers()
	d.redact(t, headers.Read().Login, &x)
	return x, nil
}

// ExplainCall explains a call with the secret it carries. Only the machine's owner may ask,
// because having a secret doesn't mean its owner wants you to see their roles.
func (c *Control) ExplainCall(ctx context.Context, actor keyporter.Actor, req *verify.Request) (keyporter.Explanation, error) {
	if err := mustBeTrusted(actor); err != nil {
		return keyporter.Explanation{}, err
	}
	if c.checker == nil {
		return keyporter.Explanation{}, errNoChecker
	}
	return c.checker.Explain(ctx, req)
}

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
		return !d.all && !d.actor.Is(t.OwnerID)
	case keyporter.RuleNamedPermission:
		return !d.all && (!d.actor.SignedIn() || !names.Same(login, d.actor.User.Login))
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
			s.Cause = s.Reason.Refusal().Text
		}
	}
}
