package verify

import (
	"context"
	"time"

	"github.com/keyporter/keyporter"
)

// Inspection describes a credential and says whether it works now. The Decision covers every
// rule that can be asked given what the Question says about the call. The caller has to check
// the others, such as the one about the scope. With an unknown secret, only the Reason is set.
type Inspection struct {
	keyporter.Decision              // the Principal of an organization token has an actor, and a user only if the Question names one
	ConnectionID       keyporter.ID // with an access token that acts for a user
	Resources          []string     // APIs that an access token is for (RFC 8707); none: all
	KeyHash            string       // thumbprint of the key it is bound to (cnf.jkt, RFC 9449 §6.2); empty: none
	CreatedAt          time.Time    // of the token, not of its secret
	ExpiresAt          time.Time    // zero: never
}

// Question is a credential, and what is known about the call that carries it.
type Question struct {
	Secret string
	Login  string // the login name in the call: the user an organization token acts for
	API    *API   // the API that is called; an access token must be for it (RFC 8707); nil: unknown

	// Call is the call, if the API is known. If Inspect refuses it, it is counted here, and
	// its Method, Path, ClientIP, Agent, and RequestID are kept: the caller of Inspect can't
	// count it, not knowing whose it was. If Call has DPoP, the secret
	// came with the DPoP scheme, and the proof is checked and used up.
	Call    *Request
	Version int // of the API, 0 if it has none
}

// Prefetch looks up the credentials that many questions are about, in one query for those of each
// kind, so that Inspect finds them in memory. It decides nothing: what Inspect doesn't find
// there, because something has changed or there is no room, it looks up itself.
func (c *Checker) Prefetch(ctx context.Context, all []Question) error {
	if !c.db.Hears() {
		return nil // Inspect doesn't trust the memory
	}
	missing := map[bool][]keyporter.SecretHash{} // of access tokens, and of others
	seen := map[keyporter.SecretHash]bool{}
	for _, q := range all {
		hash := keyporter.HashSecret(q.Secret)
		if !seen[hash] && c.cache.get(hash) == nil && !c.known.lacks(hash) {
			for _, access := range tables(q.Secret) {
				missing[access] = append(missing[access], hash)
			}
		}
		seen[hash] = true
	}
	for access, hashes := range missing {
		if _, err := c.lookUp(ctx, access, hashes, true); err != nil {
			return err
		}
	}
	return nil
}

// Inspect describes the credential with a secret. It returns an error if the database can't
// be read.
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
	if k.dpop { // otherwise, the caller learns from KeyHash that there is a key
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

// inspectNamed continues with the user an organization token acts for.
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
