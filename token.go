package keyporter

import "time"

// Token is an API token, without its secret.
type Token struct {
	ID             ID
	OrganizationID ID
	OwnerID        ID // the user who added it
	Kind           TokenKind
	Name           string // as the owner chose, unique among his own of the kind, letter case ignored
	Enabled        bool   // the on/off switch; a new token is off
	ExpiresAt      time.Time
	CreatedAt      time.Time

	// First and Last are characters of the secret, to tell tokens apart; empty when there are none to show.
	First, Last string
}

// Imported tells whether another system made the secret. Templates call it, also of a token that has no address.
func (t Token) Imported() bool { return !hasOwnPrefix(t.First) }

// Shown is by what people tell the secret from others, for templates, too.
func (t Token) Shown() string {
	if t.First == "" {
		return "imported"
	}
	return t.First + "…" + t.Last
}

// TokenKind says for whom a token speaks.
type TokenKind string

// The kinds of tokens.
const (
	UserToken         TokenKind = "user"         // speaks for its owner
	OrganizationToken TokenKind = "organization" // speaks for the user named in the request; deprecated
)

// OrganizationTokensDeprecatedAt is since when organization tokens are deprecated
// (RFC 9745): since there is a Keyporter. They exist for programs that came before it.
func OrganizationTokensDeprecatedAt() time.Time {
	return time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
}

// Expired tells whether the token has ended at now. A zero ExpiresAt never ends.
func (t *Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// TokenUse is how a token was used, from the counts of every node.
type TokenUse struct {
	Hours    [7 * 24]int // allowed calls by the hour, the oldest first; the last is the hour that runs
	Allowed  int         // calls that were allowed in these hours
	Refused  int         // calls with the right secret that were refused in these hours
	Clients  []ClientUse // the latest first
	SpokeFor []SpokenUse // with an organization token, the latest first
}

// Last returns the client that used the token last, and false when none ever did.
func (u *TokenUse) Last() (ClientUse, bool) {
	if len(u.Clients) == 0 {
		return ClientUse{}, false
	}
	return u.Clients[0], true
}

// SpokenUse is for whom, and on which version, an organization token spoke, ever since.
type SpokenUse struct {
	Login   string
	Version string // API and version, such as "esign 5"
	LastAt  time.Time
	Calls   int // that were allowed
}

// ClientUse is how one client, told by its user agent, used a token, ever since.
type ClientUse struct {
	Agent   string // User-Agent as sent, cut to 200 bytes; empty when it sent none
	Address string // where its last call came from
	Version string // API and version of its last call, such as "esign 6"
	LastAt  time.Time
	Allowed int
	Refused int
}
