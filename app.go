package keyporter

import "time"

// App is an OAuth client (RFC 6749 §2). Its ID is the client_id on the wire.
type App struct {
	ID             ID
	OrganizationID ID // whose users may connect it; empty: an app of the whole instance
	Name           string
	Description    string
	Publisher      string
	HomePage       string // https address, or empty
	Verified       bool   // an operator vouches for name and publisher
	State          AppState
	Barred         bool // an operator suspended it: only operators let it work again
	Authentication AppAuthentication
	Keys           string // JWK Set (RFC 7517) of its public keys, with AppKey
	RedirectURIs   []string
	Scopes         []AppScope // that it may ask for
	Device         bool       // it may use the device grant (RFC 8628)
	OwnTokens      bool       // it may use client credentials (RFC 6749 §4.4)
	WithoutPKCE    bool       // an operator exempted it from PKCE; confidential apps only
	JWT            bool       // its access tokens are JWTs (RFC 9068), which live until they expire
	Introspects    bool       // it may ask about tokens of other apps and users (RFC 7662): a resource server
	Dynamic        bool       // it registered itself (RFC 7591)
	Webhook        string     // https address that is told when a connection ends, or empty
	ImageAt        time.Time  // when its image was uploaded; zero: it has none
	CreatedAt      time.Time
	Version        int // counts its changes
}

// AppState tells whether an app works.
type AppState string

// The states of apps.
const (
	AppActive      AppState = "active"
	AppSuspended   AppState = "suspended"   // all of its tokens are refused
	AppQuarantined AppState = "quarantined" // it registered itself, and no operator approved it yet
)

// AppAuthentication is how an app proves at the token endpoint who it is.
type AppAuthentication string

// The ways in which apps authenticate.
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

// AppCredential is one of the secrets of an app, without the secret: two at the most,
// while one takes the place of the other.
type AppCredential struct {
	ID          ID
	AppID       ID
	First, Last string // characters of it
	CreatedAt   time.Time
}

// Scope is a part of what can be done with an API, as the operator names it. OpenID
// Connect's own scopes are not among them.
type Scope struct {
	// Name is what apps ask for, such as envelope.read.
	Name string `yaml:"name"`
	// Means says what it permits, as it goes on after "may": read your envelopes.
	Means string `yaml:"means"`
}

// AppPolicy is which apps the users of an organization may connect.
type AppPolicy string

// The policies.
const (
	AllApps    AppPolicy = "all"
	ListedApps AppPolicy = "listed"
	NoApps     AppPolicy = "none"
)

// OpenIDScopes are OpenID Connect's own scopes (OpenID Connect Core §5.4, §11): they are
// built in, and concern who the user is, not what can be done with an API.
func OpenIDScopes() []Scope {
	return []Scope{
		{Name: "openid", Means: "recognize you, so you can sign in to it"},
		{Name: "profile", Means: "see your login name and your organization"},
		{Name: "email", Means: "see your email address"},
		{Name: "offline_access", Means: "act on your behalf even while you are away, until you disconnect it"},
	}
}

// Confidential tells whether the app can prove who it is.
func (a *App) Confidential() bool { return a.Authentication != AppPublic }

// FindScope returns what there is to say about a scope, one of the operator's or of OpenID's.
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
