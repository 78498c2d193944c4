package keyporter

import (
	"slices"
	"time"
)

// App is an OAuth client (RFC 6749 §2). Its ID is the client_id on the wire.
type App struct {
	ID                  ID
	OrganizationID      ID // only its users may connect the app; empty: everyone in the instance may
	Name                string
	Description         string
	Publisher           string
	HomePage            string // https address, or empty
	Verified            bool   // an operator vouches for name and publisher
	State               AppState
	SuspendedByOperator bool // only an operator can resume it
	Authentication      AppAuthentication
	SecretInForm        bool   // it registered itself with client_secret_post; either way of sending a secret is accepted
	Keys                string // its public keys as a JWK Set (RFC 7517), with AppKey
	RedirectURIs        []string
	Scopes              []AppScope // the ones it may ask for
	Device              bool       // it may use the device grant (RFC 8628)
	OwnTokens           bool       // it may use client credentials (RFC 6749 §4.4)
	WithoutPKCE         bool       // an operator exempted it from PKCE; confidential apps only
	ES256               bool       // its ID tokens are signed with ES256 instead of RS256
	JWT                 bool       // its access tokens are JWTs (RFC 9068), which APIs can check on their own
	Introspects         bool       // it is a resource server, and may introspect tokens of other apps and users (RFC 7662)
	Dynamic             bool       // it registered itself (RFC 7591)
	Webhook             string     // https address to notify when a connection ends, or empty
	ImageAt             time.Time  // when its image was uploaded; zero: it has none
	CreatedAt           time.Time
	Version             int // counts its changes
}

// AppState says whether an app works.
type AppState string

// The states of apps.
const (
	AppActive      AppState = "active"
	AppSuspended   AppState = "suspended"   // all of its tokens are refused
	AppQuarantined AppState = "quarantined" // it registered itself, and no operator has approved it yet
)

// AppAuthentication is how an app proves its identity at the token endpoint.
type AppAuthentication string

// The ways apps authenticate.
const (
	AppPublic AppAuthentication = "none"            // it can't keep a secret: an app on a phone or in a browser
	AppSecret AppAuthentication = "secret"          // client_secret_basic or client_secret_post
	AppKey    AppAuthentication = "private_key_jwt" // RFC 7523
)

// AppScope is a scope that an app may ask for.
type AppScope struct {
	Name     string
	Optional bool // the user may leave it out
}

// AppCredential describes one of an app's secrets, without the secret. An app has at most
// two, so that one can replace the other without an outage.
type AppCredential struct {
	ID          ID
	AppID       ID
	First, Last string // the first and last characters of the secret
	CreatedAt   time.Time
}

// Scope is a part of an API that an app can get access to. The operator defines it; for
// OpenID Connect's own scopes see OpenIDScopes.
type Scope struct {
	// Name is what apps ask for, such as envelope.read.
	Name string `yaml:"name"`
	// Means says what it permits. It completes a sentence after "may": read your envelopes.
	Means string `yaml:"means"`
}

// AppPolicy says which apps the users of an organization may connect.
type AppPolicy string

// The policies.
const (
	AllApps    AppPolicy = "all"
	ListedApps AppPolicy = "listed"
	NoApps     AppPolicy = "none"
)

// OpenIDScopes returns OpenID Connect's own scopes (OpenID Connect Core §5.4, §11). They are
// built in, and are about who the user is, not about APIs.
func OpenIDScopes() []Scope {
	return []Scope{
		{Name: "openid", Means: "recognize you, so you can sign in to it"},
		{Name: "profile", Means: "see your login name and your organization"},
		{Name: "email", Means: "see your email address"},
		{Name: "offline_access", Means: "act on your behalf even while you are away, until you disconnect it"},
	}
}

// IsOpenIDScope reports whether a scope is one of OpenID Connect's own.
func IsOpenIDScope(name string) bool {
	return slices.ContainsFunc(OpenIDScopes(), func(s Scope) bool { return s.Name == name })
}

// Has reports whether the app may have the scope. Every app may ask who the user is.
func (a *App) Has(scope string) bool {
	return IsOpenIDScope(scope) || slices.ContainsFunc(a.Scopes, func(own AppScope) bool { return own.Name == scope })
}

// Confidential reports whether the app can prove its identity.
func (a *App) Confidential() bool { return a.Authentication != AppPublic }

// FindScope looks a scope up by name, among the operator's and OpenID Connect's.
func FindScope(operators []Scope, name string) (Scope, bool) {
	for _, scopes := range [][]Scope{operators, OpenIDScopes()} {
		for _, s := range scopes {
			if s.Name == name {
				return s, true
			}
		}
	}
	return Scope{}, false
}
