package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// goClient is an app written with golang.org/x/oauth2 and coreos/go-oidc, and the program that it
// talks to.
type goClient struct {
	*keyportertest.Program

	oauth2.Config

	ctx      context.Context // with an HTTP client that trusts the program
	provider *oidc.Provider
	ada      keyporter.User
	visitor  *keyportertest.Visitor
}

func newGoClient(t *testing.T) *goClient {
	t.Helper()
	p := keyportertest.StartProgram(t, nil)
	c := &goClient{Program: p}
	trust := keyportertest.Trust(t, p.Certificate)
	c.ctx = oidc.ClientContext(t.Context(), &http.Client{Transport: &http.Transport{TLSClientConfig: trust}, Timeout: 20 * time.Second})
	c.ada = keyportertest.User(t, p.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	c.visitor = keyportertest.NewVisitor(t, c.ada.Login, trust)
	app := p.App(t, keyporter.App{RedirectURIs: []string{callback}, OwnTokens: true, Device: true})
	_, secret, err := p.Control.AddAppSecret(t.Context(), keyporter.Command(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c.provider, err = oidc.NewProvider(c.ctx, p.URL); err != nil {
		t.Fatalf("discovery: %v", err)
	}
	c.Config = oauth2.Config{
		ClientID: string(app.ID), ClientSecret: secret.Reveal(), Endpoint: c.provider.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "email", "envelope.read"},
	}
	return c
}

// signIn takes ada through the pages, and returns the tokens and the nonce.
func (c *goClient) signIn(t *testing.T) (token *oauth2.Token, nonce string) {
	t.Helper()
	v, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	back, err := c.visitor.Visit(c.ctx, c.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(v)), callback)
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	if q.Get("state") != state || q.Get("iss") != c.URL || q.Get("code") == "" {
		t.Fatalf("she comes back with %v", q)
	}
	token, err = c.Exchange(c.ctx, q.Get("code"), oauth2.VerifierOption(v))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exchange(c.ctx, q.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("the code works again")
	}
	token, _ = c.again(t, token, nonce)
	return token, nonce
}

// again asks for another code, because using the first one twice ended its tokens.
func (c *goClient) again(t *testing.T, ended *oauth2.Token, nonce string) (*oauth2.Token, url.Values) {
	t.Helper()
	if _, err := c.provider.UserInfo(c.ctx, oauth2.StaticTokenSource(ended)); err == nil {
		t.Error("a code was used twice, but its token works")
	}
	v := oauth2.GenerateVerifier()
	back, err := c.visitor.Visit(c.ctx, c.AuthCodeURL("st", oidc.Nonce(nonce), oauth2.S256ChallengeOption(v)), callback)
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Exchange(c.ctx, back.Query().Get("code"), oauth2.VerifierOption(v))
	if err != nil {
		t.Fatal(err)
	}
	return token, back.Query()
}

func TestGoClientSignsIn(t *testing.T) {
	t.Parallel()
	c := newGoClient(t)
	token, nonce := c.signIn(t)
	raw, _ := token.Extra("id_token").(string)
	id, err := c.provider.Verifier(&oidc.Config{ClientID: c.ClientID}).Verify(c.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != string(c.ada.ID) || id.Nonce != nonce || id.Issuer != c.URL {
		t.Errorf("the ID token says %+v", id)
	}
	info, err := c.provider.UserInfo(c.ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != id.Subject || info.Email != c.ada.Login {
		t.Errorf("userinfo: %+v, %v", info, err)
	}
	token.Expiry = time.Now().Add(-time.Minute)
	next, err := c.TokenSource(c.ctx, token).Token()
	if err != nil || next.RefreshToken == token.RefreshToken || next.AccessToken == token.AccessToken {
		t.Fatalf("refresh: %+v, %v", next, err)
	}
	if _, err := c.provider.UserInfo(c.ctx, oauth2.StaticTokenSource(next)); err != nil {
		t.Error(err)
	}
}

func TestGoClientHasItsOwnTokens(t *testing.T) {
	t.Parallel()
	c := newGoClient(t)
	own := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.Endpoint.TokenURL, Scopes: []string{"envelope.read"}}
	token, err := own.Token(c.ctx)
	if err != nil || token.RefreshToken != "" || token.TokenType != "Bearer" {
		t.Errorf("%+v, %v", token, err)
	}
	own.ClientSecret = "kpc_wrong"
	if _, err := own.Token(c.ctx); err == nil {
		t.Error("a wrong secret works")
	}
}

func TestGoClientOfADevice(t *testing.T) {
	t.Parallel()
	c := newGoClient(t)
	// x/oauth2 sends no secret when it starts a device's authorization, so it is only for apps without one.
	app := c.App(t, keyporter.App{Name: "A television", Authentication: keyporter.AppPublic, Device: true})
	c.ClientID, c.ClientSecret = string(app.ID), ""
	asked, err := c.DeviceAuth(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.visitor.Ends = []string{"You can go back to your device", "Connected"}
	if _, err := c.visitor.Visit(c.ctx, asked.VerificationURIComplete, callback); err != nil {
		t.Fatal(err)
	}
	token, err := c.DeviceAccessToken(c.ctx, asked)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := c.provider.UserInfo(c.ctx, oauth2.StaticTokenSource(token)); err != nil || info.Email != c.ada.Login {
		t.Errorf("%+v, %v", info, err)
	}
}
