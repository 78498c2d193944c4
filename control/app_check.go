package control

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/names"
)

// The limits of an app's settings. Its pages and the authorization endpoint read all of them
// each time.
const (
	MaxDescriptionLen = 500 // characters
)

// cleanApp validates and normalizes what a person entered for an app. before is the app as
// it is now, zero for a new one.
func (c *Control) cleanApp(a *keyporter.App, before keyporter.App, operator bool) error {
	a.HomePage, a.Webhook, a.Keys = strings.TrimSpace(a.HomePage), strings.TrimSpace(a.Webhook), strings.TrimSpace(a.Keys)
	return keyporter.JoinFields(
		cleanAppNames(a),
		keyporter.CheckHTTPS("home_page", a.HomePage),
		keyporter.CheckHTTPS("webhook", a.Webhook),
		cleanAuthentication(a),
		cleanRedirectURIs(a),
		c.cleanScopes(a, before),
		checkOperatorSettings(a, before, operator),
	)
}

// cleanAppNames validates the names of an app and its publisher, and its description.
func cleanAppNames(a *keyporter.App) error {
	var wrongName, wrongPublisher, wrongDescription error
	a.Name, wrongName = names.Parse("name", a.Name)
	if a.Publisher, wrongPublisher = names.Parse("publisher", a.Publisher); wrongPublisher != nil {
		wrongPublisher = keyporter.InvalidField("publisher", strings.Replace(keyporter.MessageOf(wrongPublisher), "a name", "who publishes it", 1))
	}
	a.Description, wrongDescription = names.ParseText("description", a.Description, MaxDescriptionLen)
	return keyporter.JoinFields(wrongName, wrongPublisher, wrongDescription)
}

// checkOperatorSettings refuses changes to the settings of an app that only operators may make.
func checkOperatorSettings(a *keyporter.App, before keyporter.App, operator bool) error {
	if operator {
		if a.WithoutPKCE && !a.Confidential() {
			return keyporter.InvalidField("without_pkce", "An app that can’t keep a secret needs PKCE.")
		}
		if a.Introspects && !a.Confidential() {
			return keyporter.InvalidField("introspects", "Only an app that can prove its identity can look up tokens.")
		}
		return nil
	}
	if a.Verified && !before.Verified || a.WithoutPKCE && !before.WithoutPKCE || a.Introspects && !before.Introspects {
		return keyporter.Refuse(keyporter.Forbidden, "Only an operator of this Keyporter can verify an app, exempt it from PKCE, or let it look up other apps’ tokens.")
	}
	a.WithoutPKCE, a.Introspects = a.WithoutPKCE && a.Confidential(), a.Introspects && a.Confidential()
	// Otherwise an app could be verified under one name and ask people under another.
	a.Verified = a.Verified && a.Name == before.Name && a.Publisher == before.Publisher && a.HomePage == before.HomePage
	return nil
}

func cleanAuthentication(a *keyporter.App) error {
	switch a.Authentication {
	case keyporter.AppPublic:
		if a.OwnTokens {
			return keyporter.InvalidField("own_tokens", "Only an app that can prove its identity gets its own tokens (RFC 6749 §4.4).")
		}
		a.Keys, a.SecretInForm = "", false
	case keyporter.AppSecret:
		a.Keys = ""
	case keyporter.AppKey:
		a.SecretInForm = false
		return grants.CheckKeys("keys", a.Keys)
	default:
		return keyporter.InvalidField("authentication", "Choose how the app proves its identity.")
	}
	return nil
}

func cleanRedirectURIs(a *keyporter.App) error {
	var uris []string
	var wrong []error
	for _, u := range a.RedirectURIs {
		if u = strings.TrimSpace(u); u == "" || slices.Contains(uris, u) {
			continue
		}
		uris = append(uris, u)
		wrong = append(wrong, keyporter.CheckRedirectURI(u, !a.Confidential() || a.Dynamic))
	}
	if len(uris) > grants.MaxRedirectURIs {
		return keyporter.InvalidField("redirect_uris", fmt.Sprintf("An app can have at most %d addresses.", grants.MaxRedirectURIs))
	}
	if len(uris) == 0 && !a.Device && !a.OwnTokens {
		return keyporter.InvalidField("redirect_uris", "Enter where responses go. Only an app that uses just a device code or its own tokens can leave this empty.")
	}
	a.RedirectURIs = uris
	return keyporter.JoinFields(wrong...)
}

// cleanScopes requires scopes that exist. One that has since been removed from the
// configuration may stay: whoever renames an app isn't to blame for it.
func (c *Control) cleanScopes(a *keyporter.App, before keyporter.App) error {
	known := append(slices.Clone(c.scopes), keyporter.OpenIDScopes()...)
	var scopes []keyporter.AppScope
	for _, s := range a.Scopes {
		was := func(b keyporter.AppScope) bool { return b.Name == s.Name }
		switch {
		case slices.ContainsFunc(scopes, was):
			continue
		case !slices.ContainsFunc(known, func(k keyporter.Scope) bool { return k.Name == s.Name }) && !slices.ContainsFunc(before.Scopes, was):
			return keyporter.InvalidField("scopes", "There is no scope “"+text(s.Name, keyporter.MaxNameLen)+"”.")
		}
		scopes = append(scopes, s)
	}
	if len(scopes) == 0 {
		return keyporter.InvalidField("scopes", "Choose at least one thing the app can ask for.")
	}
	a.Scopes = scopes
	return nil
}
