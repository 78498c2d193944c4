package control

import (
	"context"
	"errors"

	"github.com/keyporter/keyporter"
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
