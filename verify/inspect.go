package verify

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// Inspection is what a credential is, and whether it works now: the Decision is that of all
// rules that can be asked with what the Question tells of the call. The others, as that
// about the scope, are left to who asks. With an unknown secret nothing but the Reason is.
type Inspection struct {
	keyporter.Decision              // its Principal has app and scopes; of an organization token, who acts, and no user unless one was named
	ConnectionID       keyporter.ID // with an access token that acts for a user
	Resources          []string     // APIs that an access token is for (RFC 8707); none: all
	KeyHash            string       // thumbprint of the key that it is bound to (cnf.jkt, RFC 9449 §6.2); empty: none
	CreatedAt          time.Time    // of an API token, not of its secret
	ExpiresAt          time.Time    // zero: never
}

// Question is about a credential, and what is known of the call that carries it.
type Question struct {
	Secret string
	Login  string // the login name in the call: an organization token then speaks for that user
	API    *API   // to which the call goes, and which the credential has to be for (RFC 8707); nil: not known

	// Call is the call, if there is one and the API is known. Of it Method, Path, ClientIP,
	// Agent and RequestID are kept, and it is counted, if it is refused here: who asks can
	// count those only that he knows whose they are. With DPoP, and with it Origin, the
	// secret was shown with the scheme DPoP, and the proof counts as shown.
	Call    *Request
	Version int // of the API, 0 when there is none
}

// Inspect inspects the credential that a secret opens. It returns an error if the state
// can't be read.
func (c *Checker) Inspect(ctx context.Context, q Question) (Inspection, error) {
	k := call{now: c.now(), dry: true, secret: q.Secret, login: single{value: keyporter.TrimHeader(q.Login), ok: true}, proof: notApplicable}
	if q.API != nil {
		k.route, k.version = &q.API.any, q.Version
	}
	counts := q.API != nil && q.Call != nil
	if counts {
		k.req = *q.Call
		k.dpop = len(k.req.DPoP) > 0
		k.dry = false
	}
	var d Decision
	err := c.inspect(ctx, &k, &d)
	if err != nil || k.entry == nil {
		return Inspection{Decision: d.Decision}, err
	}
	if !d.Allowed && counts {
		c.count(&k, &d)
	}
	i := Inspection{Decision: d.Decision, CreatedAt: k.entry.CreatedAt, ExpiresAt: k.entry.ExpiresAt}
	if a := k.entry.Access; a != nil {
		i.ConnectionID, i.Resources, i.KeyHash = a.ConnectionID, a.Resources, a.KeyHash
	}
	return i, nil
}

func (c *Checker) inspect(ctx context.Context, k *call, d *Decision) (err error) {
	if !d.ask(k, keyporter.RuleSecret, keyporter.RuleKnown) {
		return nil
	}
	if k.entry, err = c.entryOf(ctx, k.secret); err != nil || !d.ask(k, keyporter.RuleKnown, keyporter.RuleProof) {
		return err
	}
	if k.dpop { // else who asks is told that there is a key
		if err = c.prove(ctx, k); err != nil {
			return err
		}
	}
	d.Principal = &k.entry.principal
	end := keyporter.RuleNamedUser
	if k.ofOrganization() && k.login.value == "" {
		end = keyporter.RuleLoginName
	}
	if d.Allowed = d.ask(k, keyporter.RuleProof, end); d.Allowed && end == keyporter.RuleNamedUser {
		return c.inspectNamed(ctx, k, d)
	}
	return nil
}

// inspectNamed continues with the user an organization token speaks for.
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
