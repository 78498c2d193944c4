package keyporter

import "time"

// Token is an API token, without its secret.
type Token struct {
	ID             ID
	OrganizationID ID
	OwnerID        ID // the user who added it
	Kind           TokenKind
	Name           string // the owner's choice, unique among their tokens of the kind, see names.Key
	Enabled        bool   // the on/off switch; a new token is off
	ExpiresAt      time.Time
	CreatedAt      time.Time
	ChangedAt      time.Time // it was last switched on or off, or given another expiry; zero: never

	// First and Last are the first and last characters of the secret, by which people recognize it.
	// They are empty if there are none to show.
	First, Last string
}

// Imported reports whether another system made the secret. It has a value receiver because
// templates call it on values, too.
func (t Token) Imported() bool { return !hasOwnPrefix(t.First) }

// Shown returns the text by which people recognize the secret. Templates call it, like Imported.
func (t Token) Shown() string {
	if t.First == "" {
		return "imported"
	}
	return t.First + "…" + t.Last
}

// RestoreWithin is how long a deleted token can be restored.
const RestoreWithin = 7 * 24 * time.Hour

// TokenKind says who a token acts for.
type TokenKind string

// The kinds of tokens.
const (
	UserToken         TokenKind = "user"         // acts for its owner
	OrganizationToken TokenKind = "organization" // acts for the user named in the request; deprecated
)

// OrganizationTokensDeprecatedAt returns the date on which organization tokens became
// deprecated (RFC 9745): Keyporter's first day. They exist for programs older than that.
func OrganizationTokensDeprecatedAt() time.Time {
	return time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
}

// Expired reports whether the token has expired at now. With a zero ExpiresAt, it never does.
func (t *Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// TokenUse is how a token was used, counted across all nodes.
type TokenUse struct {
	Hours    [7 * 24]int // allowed calls in each hour, oldest first; the last is the current hour
	Allowed  int         // allowed calls in these hours
	Refused  int         // refused calls with a valid secret in these hours
	Clients  []ClientUse // latest first
	ActedFor []UserUse   // with an organization token, latest first
}

// Last returns the client that last used the token, and false if it was never used.
func (u *TokenUse) Last() (ClientUse, bool) {
	if len(u.Clients) == 0 {
		return ClientUse{}, false
	}
	return u.Clients[0], true
}

// UserUse is how an organization token was used for one user and one version, over its
// whole life.
type UserUse struct {
	Login   string
	Version string // API and version, such as "esign 5"
	LastAt  time.Time
	Calls   int // allowed ones
}

// ClientUse is how one client, identified by its user agent, used a token over the token's
// whole life.
type ClientUse struct {
	Agent   string // its User-Agent, cut to 200 bytes; empty if it sent none
	Address string // where its last call came from
	Version string // API and version of its last call, such as "esign 6"
	LastAt  time.Time
	Allowed int
	Refused int

	RefusedAt time.Time // its last refused call, as far as known; zero: none
}

// LastRefused reports whether the client's last call was refused.
func (c *ClientUse) LastRefused() bool { return c.Refused > 0 && !c.RefusedAt.Before(c.LastAt) }
