package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/notify"
	"github.com/keyporter/keyporter/web"
)

// providers caches the discovery documents and keys of identity providers.
type providers struct {
	mu       sync.Mutex
	byIssuer map[string]discovered
}

type discovered struct {
	*oidc.Provider

	client *http.Client
	at     time.Time
}

// discoverEvery is how often a provider's discovery document is fetched. Its keys are fetched
// whenever one is missing.
const discoverEvery = 10 * time.Minute

// providerTimeout limits how long a provider may take to answer.
const providerTimeout = 10 * time.Second

// find returns the provider at issuer, with the client for requests to it.
func (p *providers) find(ctx context.Context, issuer string) (discovered, error) {
	p.mu.Lock()
	known, ok := p.byIssuer[issuer]
	p.mu.Unlock()
	if ok && time.Since(known.at) < discoverEvery {
		return known, nil
	}
	client, err := providerClient(issuer)
	if err != nil {
		return discovered{}, err
	}
	// The provider keeps the context for fetching keys later, so it must outlive this request.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), issuer)
	if err != nil {
		return discovered{}, err
	}
	known = discovered{found, client, time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byIssuer == nil {
		p.byIssuer = map[string]discovered{}
	}
	p.byIssuer[issuer] = known
	return known, nil
}

// The limits of a provider's answer, in bytes. Discovery documents, keys, and tokens are a few kilobytes.
const (
	maxProviderAnswer = 1 << 20
	maxProviderHeader = 64 << 10
)

// providerClient returns the client for requests to the provider at issuer. They may take only so long,
// bring only so much, and aren't redirected.
func providerClient(issuer string) (*http.Client, error) {
	at, err := url.Parse(issuer)
	own := web.NewTransport()
	own.Proxy, own.MaxResponseHeaderBytes = http.ProxyFromEnvironment, maxProviderHeader
	t := &providerTransport{issuer: at, own: own, others: notify.GuardedClient(notify.Public).Transport}
	return &http.Client{Timeout: providerTimeout, Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the provider redirected instead of answering")
	}}, err
}

// providerTransport sends requests to a provider. An operator chose its issuer, which may be in a
// private network. The other addresses come out of the provider's metadata: of another origin, they
// must be public, or the provider could have us call what only we can reach.
type providerTransport struct {
	issuer      *url.URL
	own, others http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *providerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	by, err := t.by(r.URL)
	if err != nil {
		return nil, err
	}
	res, err := by.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxProviderAnswer)
	}
	return res, err
}

// by returns what sends a request to an address.
func (t *providerTransport) by(u *url.URL) (http.RoundTripper, error) {
	switch {
	case u.Scheme != "https" && t.issuer.Scheme == "https":
		return nil, errors.New("the provider named an address without TLS: " + u.Host)
	case origin(u) == origin(t.issuer):
		return t.own, nil
	default:
		return t.others, nil
	}
}

func origin(u *url.URL) string { return keyporter.NormalAddress(u.Scheme + "://" + u.Host) }

const callbackPath = "/sign-in/callback"

func (c *console) oauth2Config(r *http.Request, p control.ProviderClient, at discovered) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: at.Endpoint(),
		RedirectURL: c.address(r) + callbackPath, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// leavePage is the content of a page that sends the browser to another site. A redirect after a
// form can't do that, because our content security policy forbids it.
type leavePage struct {
	To string // URL
	At string // name of the other site
}

// startProviderSignIn sends the browser to the provider for the domain of the login name.
func (c *console) startProviderSignIn(w http.ResponseWriter, r *http.Request) error {
	login := strings.TrimSpace(r.PostFormValue("login"))
	pending, sealed, err := c.Control.BeginProviderSignIn(r.Context(), c.nobody(r), control.ProviderSignIn{
		Login: login, Next: localPath(r.PostFormValue("next")),
		// "fresh" comes from an app that asks for it (prompt=login, max_age), or from someone who signs in as another user.
		Again: r.PostFormValue("again") != "" || r.PostFormValue("fresh") != "",
	})
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	p := pending.Provider
	at, err := c.providers.find(r.Context(), p.Issuer)
	if err != nil {
		return c.signInAgain(w, r, c.providerFailed(r, p, err))
	}
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier), oauth2.SetAuthURLParam("login_hint", login),
	}
	if pending.Again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	web.SetSignIn(w, r, c.Proxies, sealed)
	to := c.oauth2Config(r, p, at).AuthCodeURL(pending.State, options...)
	return c.show(w, r, http.StatusOK, "leave", layout{Title: "Sign in", Refresh: to, Page: leavePage{To: to, At: p.Name}})
}

// providerCallback handles the redirect back from a provider.
func (c *console) providerCallback(w http.ResponseWriter, r *http.Request) error {
	sealed := web.SignIn(r, c.Proxies)
	web.SetSignIn(w, r, c.Proxies, "") // it only works once
	pending, err := c.Control.ResumeProviderSignIn(r.Context(), c.nobody(r), sealed)
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	identity, err := c.identity(r, pending)
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	identity.Browser = web.Browser(r, c.Proxies)
	session, err := c.Control.SignInByProvider(r.Context(), c.nobody(r), identity)
	if needed, ok := errors.AsType[*control.PasswordNeeded](err); ok {
		web.SetSignIn(w, r, c.Proxies, needed.Sealed)
		return c.show(w, r, http.StatusOK, "join", layout{Title: "Sign in", Page: joinPage{Login: needed.Login, Next: pending.Next}})
	}
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	if err := c.replaceSession(w, r, session); err != nil {
		return err
	}
	return redirect(pending.Next)(w, r)
}

// identity asks the provider who has signed in.
func (c *console) identity(r *http.Request, pending control.PendingSignIn) (in control.Identity, err error) {
	p := pending.Provider
	q := r.URL.Query()
	// RFC 9207 §2.4: don't mistake another provider's answer for this one's.
	if iss := q.Get("iss"); subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(pending.State)) != 1 || iss != "" && iss != p.Issuer {
		return in, startedElsewhere()
	}
	at, err := c.providers.find(r.Context(), p.Issuer)
	if err != nil {
		return in, c.providerFailed(r, p, err)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), at.client), 2*providerTimeout)
	defer cancel()
	if q.Get("iss") == "" && alwaysNamesIssuer(at) {
		return in, startedElsewhere()
	}
	if code := q.Get("error"); code != "" {
		return in, keyporter.Refuse(keyporter.Forbidden, p.Name+" didn’t sign you in.")
	}
	claims, err := c.claims(ctx, r, at, pending)
	if err != nil {
		return in, c.providerFailed(r, p, err)
	}
	if pending.Again && claims.AuthTime <= 0 {
		// It was asked for max_age, so it has to say when (OpenID Connect Core §3.1.3.7).
		return in, keyporter.Refuse(keyporter.Forbidden, p.Name+" didn’t say when you signed in, so we can’t be sure that it’s you. If you have a password, sign in with it.")
	}
	return control.Identity{
		Provider: p.IdentityProvider, Subject: claims.Subject, Email: claims.Email, Verified: bool(claims.Verified),
		ProvedAt: c.provedAt(claims),
	}, nil
}

func startedElsewhere() error {
	return keyporter.Refuse(keyporter.Invalid, "This sign-in started elsewhere. Start over.")
}

// alwaysNamesIssuer reports whether a provider says that each of its answers has iss (RFC 9207 §3).
func alwaysNamesIssuer(at discovered) bool {
	var metadata struct {
		Always promise `json:"authorization_response_iss_parameter_supported"`
	}
	return at.Claims(&metadata) != nil || bool(metadata.Always)
}

// promise is a boolean in a provider's metadata. Anything but false or "false" counts as true. Otherwise,
// the answers of a provider that writes it as a string could be mistaken for another's.
type promise bool

func (p *promise) UnmarshalJSON(b []byte) error {
	*p = string(b) != "false" && string(b) != `"false"` && string(b) != "null"
	return nil
}

// provedAt returns when the user proved who they are, or the zero time if we don't know. A provider
// that has a session for their browser sends anyone who uses it back without asking, which mustn't
// count as a fresh sign-in.
func (c *console) provedAt(who claims) time.Time {
	now := c.Now()
	switch at := time.Unix(who.AuthTime, 0); {
	case who.AuthTime <= 0:
		return time.Time{}
	case at.After(now):
		return now
	default:
		return at
	}
}

// claims is what a provider says about a user.
type claims struct {
	Subject  string   `json:"sub"`
	Email    string   `json:"email"`
	Verified verified `json:"email_verified"`
	AuthTime int64    `json:"auth_time"` // Unix seconds
	Party    string   `json:"azp"`       // the client that the ID token was issued to
}

// verified is a boolean that some providers send as a string.
type verified bool

func (v *verified) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

func (c *console) claims(ctx context.Context, r *http.Request, at discovered, pending control.PendingSignIn) (who claims, err error) {
	p := pending.Provider
	config := c.oauth2Config(r, p, at)
	token, err := config.Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		return who, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := at.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return who, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(pending.Nonce)) != 1 {
		return who, errors.New("the nonce doesn't match")
	}
	if err := id.Claims(&who); err != nil {
		return who, err
	}
	if who.Party != "" && who.Party != p.ClientID { // OpenID Connect Core §3.1.3.7, 5
		return who, errors.New("the ID token was issued to another client")
	}
	if pending.Again && who.AuthTime != 0 && time.Unix(who.AuthTime, 0).Before(pending.At.Add(-time.Minute)) {
		return who, errors.New("it was asked for a fresh sign-in and didn't do one")
	}
	if who.Email != "" {
		return who, nil
	}
	// Providers may return the claims of a scope from the userinfo endpoint only (OpenID Connect Core §5.4).
	info, err := at.UserInfo(ctx, config.TokenSource(ctx, token))
	if err != nil {
		return who, err
	}
	if info.Subject != who.Subject {
		return who, errors.New("userinfo is about another user") // OpenID Connect Core §5.3.2
	}
	return who, info.Claims(&who)
}

// providerFailed logs err, and returns the error to show to the reader.
func (c *console) providerFailed(r *http.Request, p control.ProviderClient, err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// Leave out the body, which may repeat what we sent.
		err = fmt.Errorf("the token endpoint answers %s %q", e.Response.Status, e.ErrorCode)
	}
	c.Log.Warn("sign-in through a provider failed", "request_id", web.RequestID(r.Context()), "issuer", p.Issuer, "error", err)
	return keyporter.Refuse(keyporter.Forbidden, p.Name+" can’t be reached or gave an answer we can’t trust. Try again soon.")
}
