package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/keyporter/keyporter"
)

// Client gives the library an app as it knows apps. One that is suspended or not approved
// isn't there.
func (s *server) Client(ctx context.Context, id string) (*goidc.Client, error) {
	f := flowOf(ctx)
	app, err := s.app(ctx, id)
	if err != nil {
		return nil, f.failed(err)
	}
	if app.State != keyporter.AppActive {
		return nil, goidc.ErrNotFound
	}
	c := &goidc.Client{ID: string(app.ID), Secret: string(app.ID), ClientMeta: goidc.ClientMeta{
		Name:             app.Name,
		ApplicationType:  goidc.ApplicationTypeWeb,
		RedirectURIs:     app.RedirectURIs,
		GrantTypes:       grantTypes(&app),
		ResponseTypes:    []goidc.ResponseType{goidc.ResponseTypeCode},
		ScopeIDs:         strings.Join(scopesOf(&app), " "),
		TokenAuthnMethod: authnMethod(&app, f.basic),
	}}
	if u, err := url.Parse(f.redirectURI); err == nil && f.redirectURI != "" {
		c.RedirectURIs = []string{u.String()} // judged already, see registered; the library compares the address as it writes it itself
	}
	if app.Authentication == keyporter.AppKey {
		if c.JWKS, err = publicKeys(app.Keys); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// app returns the app of the request, read once.
func (s *server) app(ctx context.Context, id string) (keyporter.App, error) {
	f := flowOf(ctx)
	if f.app != nil && string(f.app.ID) == id {
		return *f.app, nil
	}
	app, err := s.Grants.App(ctx, keyporter.ID(id))
	if err == nil {
		f.app = &app
	}
	return app, err
}

func authnMethod(app *keyporter.App, basic bool) goidc.AuthnMethod {
	switch {
	case app.Authentication == keyporter.AppKey:
		return goidc.AuthnMethodPrivateKeyJWT
	case app.Authentication == keyporter.AppSecret && basic:
		return goidc.AuthnMethodSecretBasic
	case app.Authentication == keyporter.AppSecret:
		return goidc.AuthnMethodSecretPost
	default:
		return goidc.AuthnMethodNone
	}
}

func grantTypes(app *keyporter.App) []goidc.GrantType {
	types := []goidc.GrantType{goidc.GrantRefreshToken}
	if len(app.RedirectURIs) > 0 {
		types = append(types, goidc.GrantAuthorizationCode)
	}
	if app.OwnTokens && app.Authentication != keyporter.AppPublic {
		types = append(types, goidc.GrantClientCredentials)
	}
	if app.Device {
		types = append(types, goidc.GrantDeviceCode)
	}
	return types
}

func scopesOf(app *keyporter.App) (names []string) {
	for _, s := range app.Scopes {
		names = append(names, s.Name)
	}
	for _, s := range keyporter.OpenIDScopes() {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// verifySecret is asked by the library whether an app showed one of its secrets. What it
// takes for the stored secret is the app's ID: we know a secret by its hash only.
func (s *server) verifySecret(ctx context.Context, app, presented string) error {
	ok, err := s.Grants.IsAppSecret(ctx, keyporter.ID(app), presented)
	if err != nil {
		return flowOf(ctx).failed(err)
	}
	if !ok {
		return errors.New("this isn't one of the app's secrets")
	}
	return nil
}

// publicKeys reads the keys by which an app signs assertions. Where one doesn't say for
// which algorithm it is, its type does.
func publicKeys(text string) (*goidc.JSONWebKeySet, error) {
	var keys goidc.JSONWebKeySet
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return nil, err
	}
	for i := range keys.Keys {
		if keys.Keys[i].Algorithm != "" {
			continue
		}
		switch keys.Keys[i].Key.(type) {
		case *ecdsa.PublicKey:
			keys.Keys[i].Algorithm = string(goidc.ES256)
		case ed25519.PublicKey:
			keys.Keys[i].Algorithm = algEdDSA
		case *rsa.PublicKey:
			keys.Keys[i].Algorithm = string(goidc.PS256)
		}
	}
	return &keys, nil
}
