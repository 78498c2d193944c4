package verify

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// prove finds out whether the caller has the key the token is bound to. The proof is the only
// thing a check writes: each works once, across all nodes. Only proofs signed with the right
// key are written, so nobody else can fill the table.
func (c *Checker) prove(ctx context.Context, k *call) error {
	bound := k.entry.keyHash()
	switch {
	case !k.dpop && bound == "", k.secret == "":
		k.proof = notApplicable // an ordinary token, or one that is explained without a call
		return nil
	case !k.dpop:
		k.proof = keyporter.ReasonBound
		return nil
	case bound == "":
		k.proof = keyporter.ReasonNotBound
		return nil
	}
	k.proof = keyporter.ReasonProof
	var p Proof
	if p, k.fault = k.readProof(bound); k.fault != "" {
		return nil
	}
	fresh, err := c.useProof(ctx, k, p)
	if err != nil {
		return err
	}
	if k.fault = "The proof was used before. Each call needs a new one."; fresh {
		k.proof, k.fault = keyporter.Allowed, ""
	}
	return nil
}

// readProof reads the proof in the call; fault says what is wrong with it.
func (k *call) readProof(bound string) (p Proof, fault string) {
	var origins []string
	if k.route != nil {
		origins = k.route.api.origins
	}
	p, err := ReadProof(k.req.DPoP, Proven{Method: k.req.Method, Origins: origins, Path: k.req.Path, Now: k.now})
	switch {
	case err != nil:
		return p, keyporter.MessageOf(err)
	case !p.IsFor(k.secret, bound):
		return p, "The proof is for another token, or signed with a key other than the one the token is bound to."
	}
	return p, ""
}

func (c *Checker) useProof(ctx context.Context, k *call, p Proof) (fresh bool, err error) {
	if k.dry {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, store.Silence) // as in entryOf
	defer cancel()
	return c.db.UseProof(ctx, p.Hash, p.ExpiresAt)
}
