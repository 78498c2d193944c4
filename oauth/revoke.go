package oauth

import (
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// revoke ends a token that its app gives back (RFC 7009). The answer is the same for a token of
// another app, so an app learns nothing about those (§2.2). token_type_hint is ignored, because
// a token's form shows what it is.
func (s *server) revoke(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	in, app, err := s.client(w, r, pathRevoke)
	if err != nil {
		return err
	}
	token := in.Get("token")
	if token == "" {
		return web.Invalid("token is missing.")
	}
	kind, _ := keyporter.ParseSecret(token)
	switch {
	case keyporter.IsAccessToken(token):
		grant, err := s.Grants.GrantOfAccessToken(r.Context(), token)
		if err == nil && grant.AppID == app.ID {
			err = s.Grants.DeleteAccessToken(r.Context(), from, grant, token)
		}
		return revoked(w, err)
	case kind == keyporter.SecretRefreshToken:
		grant, err := s.Grants.GrantToRevoke(r.Context(), token)
		if err == nil && grant.AppID == app.ID {
			err = s.Grants.RevokeGrant(r.Context(), from, grant, "the app gave it back")
		}
		return revoked(w, err)
	}
	return revoked(w, nil)
}

// revoked answers that the token doesn't work anymore, which is also true of one that never existed.
func revoked(w http.ResponseWriter, err error) error {
	if err != nil && keyporter.KindOf(err) != keyporter.NotFound {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
