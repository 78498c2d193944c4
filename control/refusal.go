package control

import (
	"context"

	"github.com/keyporter/keyporter"
)

// Refusals returns the most recent refused calls with a token or connection that the actor
// may manage, latest first.
func (c *Control) Refusals(ctx context.Context, actor keyporter.Actor, credential keyporter.ID) ([]keyporter.RefusedCall, error) {
	t, err := c.Credential(ctx, actor, credential)
	if err != nil {
		return nil, err
	}
	calls, err := c.usage.RefusalsOf(ctx, credential)
	if err != nil {
		return nil, err
	}
	d, err := c.discretion(ctx, actor)
	for i := range calls {
		calls[i].Cause = d.cause(t, &calls[i])
	}
	return calls, err
}

// OrganizationRefusals returns the most recent refused calls in the actor's organization, of
// the tokens and connections that the actor may manage and the apps that they see, latest first.
func (c *Control) OrganizationRefusals(ctx context.Context, actor keyporter.Actor) ([]keyporter.RefusedCall, error) {
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return nil, err
	}
	all, err := c.usage.RefusalsIn(ctx, actor.User.OrganizationID)
	if err != nil {
		return nil, err
	}
	d, err := c.discretion(ctx, actor)
	if err != nil {
		return nil, err
	}
	credentials, err := c.callers(ctx, actor, idsOf(all, func(r keyporter.RefusedCall) keyporter.ID { return r.CredentialID })...)
	var visible []keyporter.RefusedCall
	for _, r := range all {
		if t, ok := credentials[r.CredentialID]; ok {
			r.Cause = d.cause(t, &r)
			visible = append(visible, r)
		}
	}
	return visible, err
}

// Refusal returns the refused call with a request ID and its credential, to people who may
// manage the credential or, if it is an app that acts for itself, see the app.
func (c *Control) Refusal(ctx context.Context, actor keyporter.Actor, requestID string) (keyporter.RefusedCall, Credential, error) {
	r, err := c.usage.RefusalByRequestID(ctx, text(requestID, 100))
	var callers map[keyporter.ID]Credential
	if err == nil {
		callers, err = c.callers(ctx, actor, r.CredentialID)
	}
	t, ok := callers[r.CredentialID]
	if err == nil && !ok || keyporter.KindOf(hidden(err, "refused call")) == keyporter.NotFound {
		err = keyporter.Refuse(keyporter.NotFound, "There is no refused call with this request ID. Keyporter keeps the last 100 for each token, connection, app, and organization, and only calls with a valid token.")
	}
	if err != nil {
		return keyporter.RefusedCall{}, Credential{}, err
	}
	d, err := c.discretion(ctx, actor)
	r.Cause = d.cause(t, &r)
	return r, t, err
}
