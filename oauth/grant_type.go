package oauth

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// The grant types.
const (
	grantCode              = "authorization_code"
	grantRefresh           = "refresh_token"
	grantClientCredentials = "client_credentials"
	grantDevice            = "urn:ietf:params:oauth:grant-type:device_code"
)

// grantType is a row of the table of grant types.
type grantType struct {
	name  string
	isFor func(*keyporter.App) bool // whether the app may use it
	serve func(*server, context.Context, tokenRequest) (tokenResponse, error)
}

// grantTypes is the one list of them.
func grantTypes() []grantType {
	return []grantType{
		{grantCode, func(a *keyporter.App) bool { return len(a.RedirectURIs) > 0 }, (*server).redeemCode},
		{grantRefresh, func(*keyporter.App) bool { return true }, (*server).refresh},
		{grantClientCredentials, func(a *keyporter.App) bool { return a.OwnTokens && a.Confidential() }, (*server).clientCredentials},
		{grantDevice, func(a *keyporter.App) bool { return a.Device }, (*server).redeemDeviceCode},
	}
}

// grantTypeNames returns the names of the grant types that an app may use; nil: of all.
func grantTypeNames(app *keyporter.App) (names []string) {
	for _, g := range grantTypes() {
		if app == nil || g.isFor(app) {
			names = append(names, g.name)
		}
	}
	return names
}

// checkGrantType returns an error unless the app may use the grant type.
func checkGrantType(app *keyporter.App, name string) error {
	if slices.Contains(grantTypeNames(app), name) {
		return nil
	}
	return web.OAuthError{Code: unauthorizedClient, Description: "This app isn't allowed to use the grant type " + name + "."}
}
