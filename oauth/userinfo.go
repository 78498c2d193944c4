package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
)

func stateOf(g *keyporter.Grant) (st grantState, err error) {
	if g == nil {
		return st, goidc.ErrNotFound
	}
	err = json.Unmarshal(g.Request, &st)
	return st, err
}

// userInfo tells an app about the user (OpenID Connect Core §5.3). The token comes in the
// header, or in the form of a POST (RFC 6750 §2), never in the address.
func (s *server) userInfo(w http.ResponseWriter, r *http.Request) {
	f := flowOf(r.Context())
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		in, err := readForm(w, r)
		if err != nil {
			s.fail(w, r, asFault(err))
			return
		}
		if tokens := in["access_token"]; len(tokens) > 0 {
			if len(tokens) > 1 || r.Header.Get("Authorization") != "" {
				s.fail(w, r, invalid("The token is sent in more than one way."))
				return
			}
			r.Header.Set("Authorization", "Bearer "+tokens[0])
		}
	}
	if len(r.Header["Dpop"]) > 1 || len(r.Header["Authorization"]) > 1 {
		s.fail(w, r, invalid("A header appears twice."))
		return
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	f.byProof, f.proofs = strings.EqualFold(scheme, "DPoP"), proofsOf(r.Header.Get("DPoP"), "")
	if scheme != "" && !f.byProof && !strings.EqualFold(scheme, "Bearer") {
		s.fail(w, r, fault{code: invalidToken, description: "The scheme must be Bearer or DPoP."})
		return
	}
	rec := newRecorder()
	r.Header.Del("Content-Type")
	s.library.ServeHTTP(rec, withParams(r, r.Method, url.Values{}))
	if f.err == nil && f.fault == nil {
		rec.send(w)
		return
	}
	out := s.faultOf(f)
	switch {
	case out.code == accessDenied:
		out.code, out.description = insufficientScope, "The token doesn't have the openid scope."
	case out.code == invalidProof:
		out.status = http.StatusUnauthorized
	}
	s.fail(w, r, out)
}

// userInfoClaims are what the scopes of the token tell of its user.
func (s *server) userInfoClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	f, claims := flowOf(ctx), map[string]any{}
	scopes := g.Scopes
	if f.token != nil {
		scopes = strings.Join(f.token.Scopes, " ")
	}
	if has(scopes, "profile") {
		claims[goidc.ClaimName], claims[goidc.ClaimPreferredUsername] = g.Username, g.Username
	}
	if has(scopes, "email") {
		claims[goidc.ClaimEmail] = g.Username
	}
	return claims
}
