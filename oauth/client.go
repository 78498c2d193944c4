package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// client reads the form that an app posts to the path, and returns the app once it has
// proved its identity. An assertion may name this server, its token endpoint, or the path as
// its audience (RFC 7523 §3).
func (s *server) client(w http.ResponseWriter, r *http.Request, path string) (url.Values, keyporter.App, error) {
	in, err := web.ReadForm(w, r)
	if err != nil {
		return nil, keyporter.App{}, err
	}
	c, err := web.ReadClientAuthentication(r, in)
	if err != nil {
		return nil, keyporter.App{}, err
	}
	app, err := s.Grants.AuthenticateApp(r.Context(), c, s.Issuer, s.Issuer+pathToken, s.Issuer+path)
	return in, app, web.AsClientError(err)
}

// count counts a request that is about to be stored, unless the app has proved its identity. Anyone can
// send the others. It comes before everything that the request makes us write, or compute.
func (s *server) count(ctx context.Context, from grants.Caller, app *keyporter.App) error {
	if app.Confidential() {
		return nil
	}
	return s.Grants.CountAuthorization(ctx, from)
}

// savePending stores a request that the app sent directly until a browser brings it. at has the
// names that find it, and when it ends. It must have been counted.
func (s *server) savePending(ctx context.Context, app *keyporter.App, req request, at grants.Authorization) error {
	state, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	at.ID, at.AppID, at.Asked, at.State = random(), app.ID, req.Asked, state
	return s.Grants.SaveAuthorization(ctx, at)
}
