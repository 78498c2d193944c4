package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

// proofAge is how old a DPoP proof may be: an app may make one before it asks its user.
const proofAge = 5 * time.Minute

// proofAlgorithms are those by which apps sign proofs and assertions.
func proofAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256}
}

// readProof checks the DPoP proof that came with a request to the path (RFC 9449 §4.3). A
// request without a proof has none, and no fault. The path counts, not what the client
// called it: some know the endpoint by another name.
func (s *server) readProof(r *http.Request, path string) (*verify.Proof, error) {
	if len(r.Header["Dpop"]) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	p, err := verify.ReadProof(r.Header["Dpop"], verify.Proven{Method: r.Method, URL: s.Issuer + path, Now: s.Grants.Now(), MaxAge: proofAge})
	if err != nil {
		return nil, fault{code: invalidProof, description: keyporter.MessageOf(err)}
	}
	return &p, nil
}

// useProof uses up a proof, which has to be by the key of that thumbprint, if there has to
// be one. It returns the thumbprint of the key that tokens are bound to from now on.
func (s *server) useProof(ctx context.Context, p *verify.Proof, keyHash string) (string, error) {
	switch {
	case p == nil && keyHash == "":
		return "", nil
	case p == nil:
		return "", fault{code: invalidProof, description: "This takes a DPoP proof: what the app asks for is bound to a key."}
	case keyHash != "" && p.KeyHash != keyHash:
		return "", fault{code: invalidProof, description: "The proof is by another key than the one that this is bound to."}
	}
	err := s.Grants.UseProof(ctx, p.Hash, p.ExpiresAt)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return "", fault{code: invalidProof, description: "The proof was shown before; each request needs one of its own."}
	}
	return p.KeyHash, err
}
