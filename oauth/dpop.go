package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// proofAge is how old a DPoP proof may be: an app may create one before it asks its user.
const proofAge = 5 * time.Minute

// readProof checks the DPoP proof in a request to the path (RFC 9449 §4.3). It returns nil if
// there is none. The proof must be for the path, not for the address that the client called,
// which may be another name of the endpoint.
func (s *server) readProof(r *http.Request, path string) (*verify.Proof, error) {
	if len(r.Header["Dpop"]) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	p, err := verify.ReadProof(r.Header["Dpop"], verify.Proven{Method: r.Method, Origins: []string{s.Issuer}, Path: path, Now: s.Grants.Now(), MaxAge: proofAge})
	if err != nil {
		return nil, web.OAuthError{Code: invalidProof, Description: keyporter.MessageOf(err)}
	}
	return &p, nil
}

// checkKey requires a proof by the key with this thumbprint, unless it is empty.
func checkKey(p *verify.Proof, keyHash string) error {
	switch {
	case keyHash == "":
		return nil
	case p == nil:
		return web.OAuthError{Code: invalidProof, Description: "A DPoP proof is required: this grant is bound to a key."}
	case p.KeyHash != keyHash:
		return web.OAuthError{Code: invalidProof, Description: "The proof is signed with a different key."}
	}
	return nil
}

// useProof uses up a proof. If keyHash isn't empty, there must be a proof, by the key with that
// thumbprint. It returns the thumbprint of the key that tokens are bound to from now on.
func (s *server) useProof(ctx context.Context, p *verify.Proof, keyHash string) (string, error) {
	if err := checkKey(p, keyHash); err != nil || p == nil {
		return "", err
	}
	err := s.Grants.UseProof(ctx, p.Hash, p.ExpiresAt)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return "", web.OAuthError{Code: invalidProof, Description: "This proof was already used. Send a new one with each request."}
	}
	return p.KeyHash, err
}
