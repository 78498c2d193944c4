package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

const (
	// authorizationLifetime is how long a request waits for its user.
	authorizationLifetime = 30 * time.Minute

	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
)

// authorize handles an app's request, which a browser brings (RFC 6749 §4.1.1). The app and
// its address come first: until both are certain, faults are shown here, and nobody is redirected.
func (s *server) authorize(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	raw, err := authorizeParams(w, r)
	if err != nil {
		return err
	}
	in, wrong := web.CheckParameters(raw)
	app, err := s.workingApp(r.Context(), in.Get("client_id"))
	if err != nil {
		return err
	}
	if name, pushed := strings.CutPrefix(in.Get("request_uri"), pushedPrefix); pushed {
		return s.authorizePushed(w, r, from, app, name)
	}
	to, err := readDestination(in, &app)
	if err != nil {
		return err
	}
	if wrong != nil {
		return s.sendBack(w, to, web.AsOAuthError(wrong, s.Log, from.RequestID))
	}
	req, err := s.readRequest(r.Context(), in, &app, to)
	if err != nil {
		return s.sendBack(w, to, web.AsOAuthError(err, s.Log, from.RequestID))
	}
	return s.answer(w, r, from, grants.Authorization{ID: random(), AppID: app.ID, Asked: req.Asked}, req)
}

func authorizeParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return web.RawForm(w, r)
	}
	in, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, web.Invalid("The query string can't be parsed.")
	}
	return in, nil
}

// workingApp returns the app with a client_id. If it doesn't work, the error says why, because
// a person sees it.
func (s *server) workingApp(ctx context.Context, id string) (keyporter.App, error) {
	bad := func(text string) (keyporter.App, error) {
		return keyporter.App{}, web.OAuthError{Code: web.InvalidClient, Description: text}
	}
	off := func(text string) (keyporter.App, error) {
		return keyporter.App{}, web.OAuthError{Code: unauthorizedClient, Description: text}
	}
	if id == "" {
		return bad("client_id is missing or appears twice.")
	}
	app, err := s.Grants.App(ctx, keyporter.ID(id))
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return bad("There is no app with this client_id.")
	case err != nil:
		return app, err
	case app.State == keyporter.AppQuarantined:
		return off("This app registered itself, and an operator of this Keyporter hasn't approved it yet. Nothing is wrong with the app.")
	case app.State != keyporter.AppActive:
		return off("This app is suspended. The people responsible for it, or an operator of this Keyporter, can lift the suspension.")
	}
	return app, nil
}

// authorizePushed handles a request that the app pushed earlier. Everything else in the
// address is ignored: anyone could have written it (RFC 9126 §4).
func (s *server) authorizePushed(w http.ResponseWriter, r *http.Request, from grants.Caller, app keyporter.App, name string) error {
	a, err := s.Grants.PushedAuthorization(r.Context(), app.ID, name, web.Authorize(r, s.Proxies))
	if err != nil {
		return orFault(err, hasEnded())
	}
	return s.proceed(w, r, from, a, app)
}

// resume continues with a request after its user was asked.
func (s *server) resume(w http.ResponseWriter, r *http.Request, from grants.Caller) error {
	id := strings.TrimPrefix(r.URL.Path, pathAuthorize+"/")
	a, err := s.Grants.Authorization(r.Context(), id, web.Authorize(r, s.Proxies))
	if err != nil {
		return orFault(err, hasEnded())
	}
	if a.Asked.Device {
		http.Redirect(w, r, "/connect/"+id, http.StatusSeeOther)
		return nil
	}
	app, err := s.workingApp(r.Context(), string(a.AppID))
	if err != nil {
		return err
	}
	return s.proceed(w, r, from, a, app)
}

// proceed continues with a request that was kept, unless its redirect URI was removed from the
// app in the meantime.
func (s *server) proceed(w http.ResponseWriter, r *http.Request, from grants.Caller, a grants.Authorization, app keyporter.App) error {
	req := request{Asked: a.Asked}
	if err := json.Unmarshal(a.State, &req); err != nil {
		return fmt.Errorf("read a request: %w", err)
	}
	if !registered(&app, req.RedirectURI) {
		return hasEnded()
	}
	return s.answer(w, r, from, a, req)
}

func hasEnded() web.OAuthError {
	return web.Invalid("This request has ended. Go back to the app and start again.")
}

// answer answers an app's request: with a code, with the reason for giving none, or by sending
// the browser to the page that asks the user. The app and its address are certain by now, so
// faults go to the app.
func (s *server) answer(w http.ResponseWriter, r *http.Request, from grants.Caller, a grants.Authorization, req request) error {
	actor, err := s.signedIn(r)
	var d decision
	if err == nil {
		d, err = s.decide(r.Context(), actor, a)
	}
	if err == nil && d.ask != nil && !req.Silent {
		err = s.keep(w, r, from, a, req)
		if err == nil {
			http.Redirect(w, r, connectPage(a), http.StatusSeeOther)
			return nil
		}
	}
	code := ""
	if err == nil {
		code, err = s.settle(r.Context(), a, req, d)
	}
	if err != nil {
		return s.sendBack(w, req.destination, web.AsOAuthError(err, s.Log, from.RequestID))
	}
	return s.back(w, req.destination, map[string]string{"code": code})
}

// connectPage returns the path of the page that asks the user, with the login that the app names,
// for those who have to sign in first.
func connectPage(a grants.Authorization) string {
	path := "/connect/" + a.ID
	if a.Asked.LoginHint != "" {
		path += "?" + url.Values{"login": {a.Asked.LoginHint}}.Encode()
	}
	return path
}

// signedIn returns the actor who is signed in, or nobody if there is no session.
func (s *server) signedIn(r *http.Request) (keyporter.Actor, error) {
	nobody := web.Nobody(r, s.Proxies)
	actor, err := s.Control.Session(r.Context(), nobody, web.Session(r, s.Proxies))
	if keyporter.KindOf(err) == keyporter.Unauthorized {
		return nobody, nil
	}
	return actor, err
}

// keep stores a request until its user answers, and binds it to the browser (RFC 9700 §4.7).
func (s *server) keep(w http.ResponseWriter, r *http.Request, from grants.Caller, a grants.Authorization, req request) error {
	state, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	if err := s.Grants.CountAuthorization(r.Context(), from); err != nil { // anyone could have sent it, or load it again
		return err
	}
	if a.Browser = web.Authorize(r, s.Proxies); len(a.Browser) != len(random()) {
		a.Browser = random()
	}
	if a.CreatedAt.IsZero() {
		a.CreatedAt = s.Grants.Now()
	}
	a.State, a.ExpiresAt = state, a.CreatedAt.Add(authorizationLifetime) // loading its page again doesn't prolong it
	if err := s.Grants.SaveAuthorization(r.Context(), a); err != nil {
		return orFault(err, alreadyAnswered())
	}
	web.SetAuthorize(w, r, s.Proxies, a.Browser)
	return nil
}

// settle ends a request: with a code, or with the reason for giving none. A stored request is
// answered once, in whichever tab of the browser comes first.
func (s *server) settle(ctx context.Context, a grants.Authorization, req request, d decision) (code string, err error) {
	if a.State != nil {
		if err := s.Grants.UseAuthorization(ctx, a.ID); err != nil {
			return "", orFault(err, alreadyAnswered())
		}
	}
	switch {
	case d.denied:
		return "", web.OAuthError{Code: accessDenied, Description: "The user denied access."}
	case d.ask != nil:
		return "", *d.ask
	}
	kept, err := json.Marshal(grantRequest{RedirectURI: req.RedirectURI, Nonce: req.Nonce, CodeChallenge: req.CodeChallenge, SignedInAt: unix(d.signedInAt)})
	if err != nil {
		return "", fmt.Errorf("write a grant: %w", err)
	}
	code = random()
	_, err = s.Grants.CreateGrant(ctx, keyporter.Grant{
		ID: keyporter.NewID(s.Grants.Now()), AppID: a.AppID, ConnectionID: d.connection,
		Scopes: d.scopes, Resources: req.Resources, KeyHash: req.KeyHash, Request: kept,
	}, grants.Code{Authorization: code})
	return code, orFault(err, web.OAuthError{Code: accessDenied, Description: "The user has disconnected the app in the meantime."})
}

func alreadyAnswered() web.OAuthError { return web.Invalid("This request was already answered.") }
