package oauth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/web"
)

// parseScope reads a list of scopes (RFC 6749 §3.3). It returns nil if the parameter is missing.
func parseScope(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	out := []string{}
	for s := range strings.SplitSeq(text, " ") {
		if s == "" || slices.Contains(out, s) {
			continue
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
			return nil, web.OAuthError{Code: invalidScope, Description: "A scope contains characters that scopes can't have."}
		}
		out = append(out, s)
	}
	return out, nil
}

// readScope reads a list of scopes without those that don't exist, which are left out if any
// remain: apps ask every provider for the same (OpenID Connect Core §3.1.2.1, RFC 6749 §3.3). The
// answer says what was granted.
func (s *server) readScope(text string) ([]string, error) {
	asked, err := parseScope(text)
	if len(asked) == 0 || err != nil {
		return asked, err
	}
	known := slices.DeleteFunc(asked, func(name string) bool { return !s.exists(name) })
	if len(known) == 0 {
		return nil, web.OAuthError{Code: invalidScope, Description: "None of the scopes exists."}
	}
	return known, nil
}

func (s *server) exists(scope string) bool {
	_, known := keyporter.FindScope(s.Scopes, scope)
	return known
}

// askedScopes returns the scopes that a request asks for: all of the app's if it names none. It
// returns an error if the app can't ask for one of them.
func (s *server) askedScopes(scopes []string, app *keyporter.App) ([]string, error) {
	if scopes == nil {
		for _, own := range app.Scopes {
			scopes = append(scopes, own.Name)
		}
	}
	for _, name := range scopes {
		if !s.exists(name) || !app.Has(name) {
			return nil, web.OAuthError{Code: invalidScope, Description: "The app can't ask for the scope " + name + "."}
		}
	}
	return scopes, nil
}

// askedAccess returns the scopes and APIs that a request asks for.
func (s *server) askedAccess(in url.Values, app *keyporter.App) (scopes, resources []string, err error) {
	if scopes, err = s.readScope(in.Get("scope")); err != nil {
		return nil, nil, err
	}
	if scopes, err = s.askedScopes(scopes, app); err != nil {
		return nil, nil, err
	}
	resources, err = s.askedResources(in)
	return scopes, resources, err
}

// askedResources returns the APIs that a request is for (RFC 8707 §2), as the configuration writes them.
func (s *server) askedResources(in url.Values) (resources []string, err error) {
	for _, asked := range in["resource"] {
		i := slices.IndexFunc(s.Resources, func(r string) bool { return keyporter.NormalAddress(r) == keyporter.NormalAddress(asked) })
		if i < 0 {
			return nil, web.OAuthError{Code: invalidTarget, Description: "There is no such resource: " + asked + "."}
		}
		if r := s.Resources[i]; !slices.Contains(resources, r) {
			resources = append(resources, r)
		}
	}
	return resources, nil
}

// narrowed returns what an access token gets of what was granted: everything, or less if the
// request asks for less. An empty list of granted resources means all of them.
func narrowed(granted keyporter.Grant, scopes, resources []string) (keyporter.AccessToken, error) {
	t := keyporter.AccessToken{Scopes: granted.Scopes, Resources: granted.Resources}
	for _, name := range scopes {
		if !slices.Contains(granted.Scopes, name) {
			return t, web.OAuthError{Code: invalidScope, Description: "The scope " + name + " isn't granted."}
		}
	}
	for _, r := range resources {
		if len(granted.Resources) > 0 && !slices.Contains(granted.Resources, r) {
			return t, web.OAuthError{Code: invalidTarget, Description: "The resource " + r + " isn't granted."}
		}
	}
	if scopes != nil {
		t.Scopes = scopes
	}
	if len(resources) > 0 {
		t.Resources = resources
	}
	return t, nil
}
