package oauth

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
)

// setUp is asked by the library whether there is a way to ask the user: there is one, for all.
func (s *server) setUp(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }

// consent is asked by the library what the user says. He said it on the page already, or
// his connection covers what is asked for, or he is led to the page; an app that wants
// that he sees nothing (prompt=none) is told what would have been asked.
func (s *server) consent(_ http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	f := flowOf(r.Context())
	if f.kept != nil && f.kept.Answer.Denied {
		return goidc.StatusFailure, goidc.NewError(accessDenied, "The user doesn't allow it.")
	}
	if f.kept != nil && f.kept.Answer.Allowed {
		f.signedInAt = f.kept.Answer.SignedInAt
		return f.grantTo(as, f.kept.Answer.UserID, f.kept.Answer.ConnectionID, f.kept.Answer.Scopes), nil
	}
	refusal, err := s.refusal(r, f, as)
	switch {
	case err != nil:
		return goidc.StatusFailure, f.failed(err)
	case refusal == nil:
		return goidc.StatusSuccess, nil
	case f.silent:
		return goidc.StatusFailure, *refusal
	}
	f.next = "/connect/" + as.ID
	return goidc.StatusPending, nil
}

// refusal tells why the user has to see a page first, nil when he needn't.
func (s *server) refusal(r *http.Request, f *flow, as *goidc.AuthnSession) (*goidc.Error, error) {
	no := func(code goidc.ErrorCode, text string) (*goidc.Error, error) {
		e := goidc.NewError(code, text)
		return &e, nil
	}
	if !f.actor.SignedIn() {
		return no(loginRequired, "Nobody is signed in.")
	}
	a := grants.Authorization{ID: as.ID, AppID: keyporter.ID(as.ClientID), Asked: f.asked}
	v, err := s.Control.Judge(r.Context(), f.actor, a)
	switch {
	case keyporter.KindOf(err) == keyporter.Forbidden, keyporter.KindOf(err) == keyporter.NotFound:
		return no(accessDenied, keyporter.MessageOf(err))
	case err != nil:
		return nil, err
	case v.SignIn:
		return no(loginRequired, "The user has to sign in again.")
	case v.Ask:
		return no(consentRequired, "The user must be asked.")
	}
	held := slices.DeleteFunc(slices.Clone(f.asked.Scopes), func(scope string) bool { return !slices.Contains(v.Connection.Scopes, scope) })
	f.signedInAt = f.actor.SignedInAt
	f.grantTo(as, f.actor.User.ID, v.Connection.ID, held)
	return nil, nil //nolint:nilnil // nothing against it
}

// grantTo notes what is granted, by whom.
func (f *flow) grantTo(as *goidc.AuthnSession, user, connection keyporter.ID, scopes []string) goidc.Status {
	f.connection = connection
	as.Subject, as.GrantedScopes, as.GrantedResources = string(user), strings.Join(scopes, " "), as.Resources
	return goidc.StatusSuccess
}

// farAhead is a time, in seconds, at which the library takes nothing for expired: Control has
// judged that by its own clock, and in milliseconds.
func farAhead() int { return int(time.Now().Add(24 * time.Hour).Unix()) }
