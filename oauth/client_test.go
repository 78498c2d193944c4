package oauth_test

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestGoLibrariesSignIn uses a third-party client, unmodified.
func TestGoLibrariesSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	ctx := t.Context()
	provider, err := oidc.NewProvider(ctx, w.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := oauth2.Config{
		ClientID: "confidential", ClientSecret: w.secret.Reveal(), Endpoint: provider.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", "envelope.read"},
	}
	verifier := oauth2.GenerateVerifier()
	to, _, _ := w.person.Browse(t, cfg.AuthCodeURL("st", oauth2.S256ChallengeOption(verifier), oidc.Nonce("n")))
	back := w.person.Allow(t, to)
	token, err := cfg.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil || back.Get("state") != "st" {
		t.Fatal(err, back)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "confidential"}).Verify(ctx, raw)
	if err != nil || id.Subject != string(w.ada.ID) || id.Nonce != "n" {
		t.Errorf("ID token: %+v, %v", id, err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Email != w.ada.Login || info.Subject != id.Subject {
		t.Errorf("userinfo: %+v, %v", info, err)
	}
	token.Expiry = token.Expiry.AddDate(-1, 0, 0)
	next, err := cfg.TokenSource(ctx, token).Token()
	if err != nil || next.RefreshToken == token.RefreshToken || !w.works(next.AccessToken) {
		t.Errorf("refresh: %v", err)
	}
	own := clientcredentials.Config{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, TokenURL: provider.Endpoint().TokenURL, Scopes: []string{"envelope.read"}}
	if got, err := own.Token(ctx); err != nil || got.AccessToken == "" {
		t.Errorf("client credentials: %v", err)
	}
}
