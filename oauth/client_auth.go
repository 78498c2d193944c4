package oauth

import (
	"context"

	"github.com/keyporter/keyporter"
)

// authenticate returns the app that sent a request to the path, once it has proved who it
// is. An assertion may name this server, its token endpoint or the path (RFC 7523 §3).
func (s *server) authenticate(ctx context.Context, c keyporter.ClientAuthentication, path string) (keyporter.App, error) {
	return s.Grants.AuthenticateApp(ctx, c, s.Issuer, s.Issuer+pathToken, s.Issuer+path)
}
