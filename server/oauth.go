package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/oauth"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/web"
)

// The values of app_registration.
const (
	registrationOff        = "off"
	registrationQuarantine = "quarantine"
)

// doorsForApps returns the authorization server and introspection, or nil for both if there is no key to seal with.
func (s *Server) doorsForApps(cfg Config, sealer *seal.Sealer, proxies web.Proxies, issuer string, pages *console.Pages) (server, asks http.Handler) {
	if sealer == nil {
		s.log.Info("apps can't connect: key_file isn't set, and PostgreSQL requires it")
		return nil, nil
	}
	server = oauth.New(oauth.Config{
		Control: s.Control, Grants: s.grants, Proxies: proxies, Log: s.log, Issuer: issuer,
		Scopes: cfg.Scopes, Resources: cfg.resources(), Register: cfg.AppRegistration == registrationQuarantine,
		Gateways: len(cfg.Gateways) > 0, FaultPage: pages.AppFault,
	})
	asks = introspection.New(introspection.Config{
		Grants: s.grants, Checker: s.Checker, Usage: s.Usage, Log: s.log, Issuer: issuer, Gateways: cfg.gateways(), Stopping: s.stop.streams,
	})
	return server, asks
}

// resources returns the resource identifiers of the APIs.
func (c Config) resources() (all []string) {
	for _, a := range c.APIs {
		if a.Resource != "" {
			all = append(all, a.Resource)
		}
	}
	return all
}

func (c Config) lifetimes() grants.Lifetimes {
	const day = 24 * time.Hour
	return grants.Lifetimes{
		AccessToken: time.Duration(c.AccessTokenMinutes) * time.Minute,
		RefreshIdle: time.Duration(c.RefreshIdleDays) * day,
		Grant:       time.Duration(c.RefreshEndDays) * day,
	}
}

// validateApps reports what is wrong with the settings for apps.
func (c Config) validateApps() (faults []error) {
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(c.AppRegistration != registrationOff && c.AppRegistration != registrationQuarantine, "app_registration: %q must be off or quarantine", c.AppRegistration)
	bad(c.AccessTokenMinutes < 0 || c.RefreshIdleDays < 0 || c.RefreshEndDays < 0, "access_token_minutes, refresh_idle_days, and refresh_end_days can't be negative")
	var names []string
	for i, scope := range c.Scopes {
		where := fmt.Sprintf("scopes[%d]", i)
		bad(!goodScope(scope.Name), "%s: name %q must be one word, such as envelope.read", where, scope.Name)
		bad(strings.TrimSpace(scope.Means) == "", "%s: means is missing: say what the scope permits, in words that continue “It can …”", where)
		bad(slices.ContainsFunc(keyporter.OpenIDScopes(), func(o keyporter.Scope) bool { return o.Name == scope.Name }), "%s: %q is reserved by OpenID Connect", where, scope.Name)
		bad(slices.Contains(names, scope.Name), "%s: two have the name %q", where, scope.Name)
		names = append(names, scope.Name)
	}
	for _, a := range c.APIs {
		for _, need := range a.Scopes() {
			bad(!slices.Contains(names, need), "API %q: its scope %q isn't one of scopes", a.Name, need)
		}
	}
	return faults
}

// goodScope reports whether a text can be the name of a scope (RFC 6749 §3.3). It excludes
// question marks, because the database marks optional scopes with them.
func goodScope(name string) bool {
	return name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\?`, r) })
}
