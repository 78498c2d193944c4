package verify

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// Inspection is what a credential is, and whether it works now, without a call: the
// Decision is that of all rules that don't ask about one. What can't be known without it,
// the path and its scope, the audience, the proof of a key, is left to who asks, by what
// else is told. With an unknown secret nothing but the Reason is.
type Inspection struct {
	keyporter.Decision              // its Principal has app and scopes; of an organization token, who acts, and no user unless one was named
	ConnectionID       keyporter.ID // with an access token that acts for a user
	Resources          []string     // APIs that an access token is for (RFC 8707); none: all
	KeyHash            string       // thumbprint of the key that it is bound to (cnf.jkt, RFC 9449 §6.2); empty: none
	CreatedAt          time.Time    // of an API token, not of its secret
	ExpiresAt          time.Time    // zero: never
}

// Inspect inspects the credential that a secret opens. It is no call, and isn't counted.
// When the state can't be had, that is an error.
func (c *Checker) Inspect(ctx context.Context, secret string) (Inspection, error) {
	return c.InspectFor(ctx, secret, "")
}

// InspectFor inspects a credential as Inspect does, beside the login name of a call: an
// organization token then speaks for that user.
func (c *Checker) InspectFor(ctx context.Context, secret, login string) (Inspection, error) {
	k := call{now: c.now(), dry: true, secret: secret, login: single{value: keyporter.TrimHeader(login), ok: true}, proof: notConcerned}
	var d Decision
	if !d.ask(&k, keyporter.RuleSecret, keyporter.RuleKnown) {
		return Inspection{Decision: d.Decision}, nil
	}
	var err error
	if k.entry, err = c.entryOf(ctx, secret); err != nil {
		return Inspection{}, err
	}
	if !d.ask(&k, keyporter.RuleKnown, keyporter.RuleProof) {
		return Inspection{Decision: d.Decision}, nil
	}
	d.Principal = &k.entry.principal
	end := keyporter.RuleNamedUser
	if k.ofOrganization() && k.login.value == "" {
		end = keyporter.RuleLoginName
	}
	if d.Allowed = d.ask(&k, keyporter.RuleProof, end); d.Allowed && end == keyporter.RuleNamedUser {
		if err := c.inspectNamed(ctx, &k, &d); err != nil {
			return Inspection{}, err
		}
	}
	i := Inspection{Decision: d.Decision, CreatedAt: k.entry.CreatedAt, ExpiresAt: k.entry.ExpiresAt}
	if a := k.entry.Access; a != nil {
		i.ConnectionID, i.Resources, i.KeyHash = a.ConnectionID, a.Resources, a.KeyHash
	}
	return i, nil
}

// inspectNamed goes on with the user for whom an organization token speaks.
func (c *Checker) inspectNamed(ctx context.Context, k *call, d *Decision) (err error) {
	if k.ofOrganization() {
		if k.named, err = c.namedBy(ctx, k.entry, k.login.value); err != nil {
			return err
		}
		if k.named != nil {
			d.Principal = &k.named.principal
		}
	}
	d.Allowed = d.ask(k, keyporter.RuleNamedUser, keyporter.Rule(keyporter.NumRules))
	return nil
}
