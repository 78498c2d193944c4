package oauth

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

// decision is the outcome of a request: something is granted, the user said no, or the user
// must be asked.
type decision struct {
	denied bool
	ask    *web.OAuthError // why the user has to see a page; the error for an app that sent prompt=none

	connection keyporter.ID
	scopes     []string
	signedInAt time.Time // when the user last proved who they are
}

// decide returns the outcome of a request: the user's answer on the page, or what their
// connection covers, or that they must be asked.
func (s *server) decide(ctx context.Context, actor keyporter.Actor, a grants.Authorization) (decision, error) {
	ask := func(code, text string) (decision, error) {
		return decision{ask: &web.OAuthError{Code: code, Description: text}}, nil
	}
	switch {
	case a.Answer.Denied:
		return decision{denied: true}, nil
	case a.Answer.Allowed:
		return decision{connection: a.Answer.ConnectionID, scopes: a.Answer.Scopes, signedInAt: a.Answer.SignedInAt}, nil
	case !actor.SignedIn():
		return ask(loginRequired, "Nobody is signed in.")
	}
	v, err := s.Control.Judge(ctx, actor, a)
	switch {
	case keyporter.KindOf(err) == keyporter.Forbidden || keyporter.KindOf(err) == keyporter.NotFound:
		return ask(accessDenied, keyporter.MessageOf(err))
	case err != nil:
		return decision{}, err
	case v.SignIn:
		return ask(loginRequired, "The user has to sign in again.")
	case v.Ask:
		return ask(consentRequired, "The user must be asked.")
	}
	held := slices.DeleteFunc(slices.Clone(a.Asked.Scopes), func(scope string) bool { return !slices.Contains(v.Connection.Scopes, scope) })
	return decision{connection: v.Connection.ID, scopes: held, signedInAt: actor.SignedInAt}, nil
}
