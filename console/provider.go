package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/web"
)

// providers remembers what identity providers say about themselves, and their keys.
type providers struct {
	mu       sync.Mutex
	byIssuer map[string]discovered
}

type discovered struct {
	provider *oidc.Provider
	at       time.Time
}

// discoverEvery is how often a provider's addresses are fetched again. Its keys are fetched
// when one is missing.
const discoverEvery = 10 * time.Minute

// providerTime is how long a provider may take to answer.
const providerTime = 10 * time.Second

// of returns the provider at issuer.
func (p *providers) of(ctx context.Context, issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	known, ok := p.byIssuer[issuer]
	p.mu.Unlock()
	if ok && time.Since(known.at) < discoverEvery {
		return known.provider, nil
	}
	// The provider keeps the context for fetching keys later, so it must outlive this request.
	found, err := oidc.NewProvider(providerContext(context.WithoutCancel(ctx)), issuer)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byIssuer == nil {
		p.byIssuer = map[string]discovered{}
	}
	p.byIssuer[issuer] = discovered{found, time.Now()}
	return found, nil
}

// providerContext sets a timeout on requests to a provider, and keeps them from being
// redirected elsewhere.
func providerContext(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, &http.Client{Timeout: providerTime, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the provider redirected instead of answering")
	}})
}

const callbackPath = "/sign-in/callback"

func (c *console) oauth2Config(r *http.Request, p control.ProviderClient, at *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: at.Endpoint(),
		RedirectURL: c.address(r) + callbackPath, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// leavePage is the content of a page that goes on elsewhere by itself. A form can't: its
// redirect to another site is what the content security policy keeps it from.
type leavePage struct {
	To string // address
	At string // what is there, for people
}

// signInElsewhere leads to the provider of the login name's domain.
func (c *console) signInElsewhere(w http.ResponseWriter, r *http.Request) error {
	login := strings.TrimSpace(r.PostFormValue("login"))
	pending, sealed, err := c.Control.BeginProviderSignIn(r.Context(), c.nobody(r), control.ProviderSignIn{
		Login: login, Next: local(r.PostFormValue("next")),
		// An app can ask for it, too (prompt=login, max_age), and so can somebody who isn't the one signed in.
		Again: r.PostFormValue("again") != "" || r.PostFormValue("anew") != "",
	})
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	p := pending.Provider
	at, err := c.providers.of(r.Context(), p.Issuer)
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

// comeBack handles people who come back from a provider.
func (c *console) comeBack(w http.ResponseWriter, r *http.Request) error {
	sealed := web.SignIn(r, c.Proxies)
	web.SetSignIn(w, r, c.Proxies, "") // once
	pending, err := c.Control.ResumeProviderSignIn(r.Context(), c.nobody(r), sealed)
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	identity, err := c.identity(r, pending)
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	cookie, err := c.Control.SignInByProvider(r.Context(), c.nobody(r), identity)
	if err != nil {
		return c.signInAgain(w, r, err)
	}
	if err := c.replaceSession(w, r, cookie); err != nil {
		return err
	}
	return redirect(pending.Next)(w, r)
}

// identity asks the provider who came back.
func (c *console) identity(r *http.Request, pending control.PendingSignIn) (in control.Identity, err error) {
	p := pending.Provider
	q := r.URL.Query()
	// RFC 9207 §2.4: an answer of another provider isn't taken for this one's.
	if iss := q.Get("iss"); subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(pending.State)) != 1 || iss != "" && iss != p.Issuer {
		return in, keyporter.Refuse(keyporter.Invalid, "This sign-in started elsewhere. Start over.")
	}
	if code := q.Get("error"); code != "" {
		return in, keyporter.Refuse(keyporter.Forbidden, p.Name+" didn’t sign you in.")
	}
	ctx, cancel := context.WithTimeout(providerContext(r.Context()), 2*providerTime)
	defer cancel()
	at, err := c.providers.of(ctx, p.Issuer)
	if err != nil {
		return in, c.providerFailed(r, p, err)
	}
	claims, err := c.claims(ctx, r, at, pending)
	if err != nil {
		return in, c.providerFailed(r, p, err)
	}
	return control.Identity{
		Provider: p.IdentityProvider, Subject: claims.Subject, Email: claims.Email, Verified: bool(claims.Verified),
		ProvedAt: c.provedAt(claims, pending),
	}, nil
}

// provedAt is when somebody proved who they are. A provider that knows them already sends them
// back without asking anything, and whoever sits at their browser isn't fresh by that.
func (c *console) provedAt(who claims, pending control.PendingSignIn) time.Time {
	now := c.Now()
	switch at := time.Unix(who.AuthTime, 0); {
	case pending.Again:
		return now
	case who.AuthTime <= 0:
		return time.Time{}
	case at.After(now):
		return now
	default:
		return at
	}
}

// claims are what a provider says about a user.
type claims struct {
	Subject  string   `json:"sub"`
	Email    string   `json:"email"`
	Verified verified `json:"email_verified"`
	AuthTime int64    `json:"auth_time"` // Unix seconds
}

// verified is true if the address is; some providers send it as a string.
type verified bool

func (v *verified) UnmarshalJSON(b []byte) error {
	*v = string(b) == "true" || string(b) == `"true"`
	return nil
}

func (c *console) claims(ctx context.Context, r *http.Request, at *oidc.Provider, pending control.PendingSignIn) (who claims, err error) {
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
	if pending.Again && who.AuthTime != 0 && time.Unix(who.AuthTime, 0).Before(pending.At.Add(-time.Minute)) {
		return who, errors.New("it was asked for a fresh sign-in and didn't do one")
	}
	if who.Email != "" {
		return who, nil
	}
	// Providers may keep what a scope asks for to the userinfo endpoint (OpenID Connect Core §5.4).
	info, err := at.UserInfo(ctx, config.TokenSource(ctx, token))
	if err != nil {
		return who, err
	}
	if info.Subject != who.Subject {
		return who, errors.New("userinfo is about another user") // OpenID Connect Core §5.3.2
	}
	return who, info.Claims(&who)
}

// providerFailed logs why a provider failed, and tells the reader that it did.
func (c *console) providerFailed(r *http.Request, p control.ProviderClient, err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// Without the body: it may repeat what was sent.
		err = fmt.Errorf("the token endpoint answers %s %q", e.Response.Status, e.ErrorCode)
	}
	c.Log.Warn("sign-in through a provider failed", "request_id", web.RequestID(r.Context()), "issuer", p.Issuer, "error", err)
	return keyporter.Refuse(keyporter.Forbidden, p.Name+" can’t be reached or gave an answer we can’t trust. Try again soon.")
}
