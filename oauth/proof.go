package oauth

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyporter/keyporter"
)

// proof is a DPoP proof or a client assertion in a request: who shows it, and its name.
type proof struct {
	who, jti string
	issuedAt float64 // Unix seconds; of a DPoP proof
	kept     time.Duration
}

// proofsOf reads them, not yet believed.
func proofsOf(dpop, assertion string) (all []proof) {
	var header struct {
		JWK jose.JSONWebKey `json:"jwk"`
	}
	type claims struct {
		JTI      string  `json:"jti"`
		Issuer   string  `json:"iss"`
		IssuedAt float64 `json:"iat"`
	}
	if c := (claims{}); assertion != "" && part(assertion, 1, &c) {
		all = append(all, proof{who: "app " + c.Issuer, jti: c.JTI, kept: assertionLifetime})
	}
	if c := (claims{}); dpop != "" && part(dpop, 1, &c) && part(dpop, 0, &header) {
		if sum, err := header.JWK.Thumbprint(crypto.SHA256); err == nil {
			all = append(all, proof{"key " + base64.RawURLEncoding.EncodeToString(sum), c.JTI, c.IssuedAt, proofLifetime})
		}
	}
	return all
}

// part reads a part of a JWT.
func part(token string, i int, into any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[i])
	return err == nil && json.Unmarshal(plain, into) == nil
}

// issuerOf returns by whom an assertion claims to be.
func issuerOf(assertion string) string {
	var claims struct {
		Issuer string `json:"iss"`
	}
	_ = part(assertion, 1, &claims)
	return claims.Issuer
}

// useProof is asked by the library whether a proof that it believes was shown before, here
// or on another node. The names that one app or key uses are no other's. The library has
// one lifetime for proofs and assertions, so how old a proof may be is judged here.
func (s *server) useProof(ctx context.Context, jti string) error {
	f := flowOf(ctx)
	used := proof{kept: assertionLifetime}
	for i, p := range f.proofs {
		if p.jti == jti {
			used, f.proofs[i].jti = p, ""
			break
		}
	}
	if used.issuedAt != 0 && s.Grants.Now().Sub(time.Unix(int64(used.issuedAt), 0)) > proofLifetime+leeway {
		return errors.New("it is too old")
	}
	err := s.Grants.UseProof(ctx, used.who, jti, used.kept+2*leeway)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return errors.New("it was used before")
	}
	return f.failed(err)
}
