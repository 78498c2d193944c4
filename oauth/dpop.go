package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// proofAge is how old a DPoP proof may be: an app may make one before it asks its user.
const proofAge = 5 * time.Minute

// readProof checks the DPoP proof that came with a request to the path (RFC 9449 §4.3). A
// request without a proof has none, and no fault. The path counts, not what the client
// called it: some know the endpoint by another name.
func (s *server) readProof(r *http.Request, path string) (*verify.Proof, error) {
	if len(r.Header["Dpop"]) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	p, err := verify.ReadProof(r.Header["Dpop"], verify.Proven{Method: r.Method, URL: s.Issuer + path, Now: s.Grants.Now(), MaxAge: proofAge})
	if err != nil {
		return nil, web.OAuthError{Code: invalidProof, Description: keyporter.MessageOf(err)}
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
		return "", web.OAuthError{Code: invalidProof, Description: "This takes a DPoP proof: what the app asks for is bound to a key."}
	case keyHash != "" && p.KeyHash != keyHash:
		return "", web.OAuthError{Code: invalidProof, Description: "The proof is by another key than the one that this is bound to."}
	}
	err := s.Grants.UseProof(ctx, p.Hash, p.ExpiresAt)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return "", web.OAuthError{Code: invalidProof, Description: "The proof was shown before; each request needs one of its own."}
	}
	return p.KeyHash, err
}
