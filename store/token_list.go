package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

// TokenList selects tokens of one owner, or of an organization.
type TokenList struct {
	OrganizationID keyporter.ID // empty: of OwnerID
	OwnerID        keyporter.ID
	Kind           keyporter.TokenKind
	Match          string               // part of the name or, in an organization, of the owner's login; or one end of the secret, or both as shown
	State          keyporter.TokenState // empty: any
	UnusedSince    time.Time            // only tokens not used since then; zero: all
	ExpiresBy      time.Time            // only tokens that expire between Now and then; zero: all
	NeverRotated   bool                 // only tokens with the secret they were made with

	Sort       keyporter.TokenSort
	Descending bool

	Now          time.Time
	ExpiresSoon  time.Time // a token that expires before needs attention
	RefusedSince time.Time // so does one, on or not, whose last call was refused since then, and since it was changed
	Blocked      bool      // nothing that is switched on works, because of the organization or the one owner
	RoleSets     []UserSet // of the organization's users
}

// UserSet is the users of an organization with the same roles.
type UserSet struct {
	RoleSet
	UseAPI bool // they can use the API if they are active
}

// neverLast is an expiry by which tokens are sorted: those that never expire come last.
const neverLast = `coalesce(nullif(t.expires_at, 0), 9223372036854775807)`

func (l *TokenList) sorting() sorting {
	s := sorting{id: "t.id", descending: l.Descending}
	switch l.Sort {
	case keyporter.TokensByName:
		s.by = "t.name_key"
	case keyporter.TokensByUse:
		s.by, s.number = "t.last_used_at", true
	case keyporter.TokensByExpiry:
		s.by, s.number = neverLast, true
	case keyporter.TokensByAge: // of which the ID tells
	}
	return s
}

// PlaceOf returns where a token is in the list.
func (l *TokenList) PlaceOf(t ListedToken) Place {
	p := Place{ID: t.ID}
	switch l.Sort {
	case keyporter.TokensByName:
		p.Text = t.nameKey
	case keyporter.TokensByUse:
		p.Number = millis(t.LastUsedAt)
	case keyporter.TokensByExpiry:
		p.Number = t.expires
	case keyporter.TokensByAge:
	}
	return p
}

// ListedToken is a token with what lists are sorted by.
type ListedToken struct {
	keyporter.Token
	LastUsedAt time.Time // by what was stored with the last batch of counts

	nameKey string
	expires int64 // as neverLast
}

// Tokens returns a page of a list of tokens.
func (q queries) Tokens(ctx context.Context, l TokenList, p Page) ([]ListedToken, error) {
	f := l.find()
	f.and(f.is(l.State))
	s := l.sorting()
	order, limit := s.next(&f.condition, p)
	tokens, err := list(ctx, q.q, scanListedToken, `
		SELECT t.id, t.organization_id, t.owner_id, t.kind, t.name, t.enabled, t.expires_at, t.created_at, t.changed_at, s.first, s.last, t.name_key, t.last_used_at
		FROM (SELECT t.id, t.organization_id, t.owner_id, t.kind, t.name, t.enabled, t.expires_at, t.created_at, t.changed_at, t.name_key, t.last_used_at
			FROM tokens t WHERE `+f.text+order+limit+`) t
		JOIN token_secrets s ON s.token_id = t.id
			AND s.created_at = (SELECT max(created_at) FROM token_secrets WHERE token_id = t.id)`+order, f.args...)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return inOrder(tokens, p), nil
}

// TokenCounts says how many tokens of a list are in which state, each up to MaxCounted + 1.
type TokenCounts struct {
	Selected  int // in the state that the list selects
	All       int
	Active    int
	Attention int
	Off       int
}

// CountListedTokens counts the tokens of a list.
func (q queries) CountListedTokens(ctx context.Context, l TokenList) (n TokenCounts, err error) {
	f := l.find()
	c := counting{table: "tokens t", columns: "owner_id, enabled, expires_at, changed_at, last_used_at, last_refused_at"}
	c.text = f.text
	states := []keyporter.TokenState{keyporter.TokenActive, keyporter.TokenNeedsAttention, keyporter.TokenOff}
	if l.State != "" && !slices.Contains(states, l.State) {
		states = append(states, l.State)
	}
	for _, s := range states {
		c.parts = append(c.parts, f.is(s))
	}
	c.args = f.args
	counts, err := q.countParts(ctx, c)
	return TokenCounts{Selected: counts[slices.Index(states, l.State)+1], All: counts[0], Active: counts[1], Attention: counts[2], Off: counts[3]}, err
}

// tokenFinder is the condition for the tokens of a list.
type tokenFinder struct {
	*TokenList
	condition
	now, blocked string // once they were needed
}

// find selects the tokens of the list in any state.
func (l *TokenList) find() *tokenFinder {
	f := &tokenFinder{TokenList: l}
	if l.OrganizationID != "" {
		f.text = "t.organization_id = " + f.arg(l.OrganizationID)
	} else {
		f.text = "t.owner_id = " + f.arg(l.OwnerID)
	}
	f.and("t.kind = " + f.arg(l.Kind))
	if l.Match != "" {
		f.and(f.matches())
	}
	if !l.UnusedSince.IsZero() {
		since := f.arg(millis(l.UnusedSince))
		f.and("t.last_used_at < " + since + " AND t.created_at < " + since)
	}
	if !l.ExpiresBy.IsZero() {
		f.and("t.expires_at > " + f.atNow() + " AND t.expires_at <= " + f.arg(millis(l.ExpiresBy)))
	}
	if l.NeverRotated {
		f.and("NOT EXISTS (SELECT 1 FROM token_secrets s WHERE s.token_id = t.id AND s.created_at > t.created_at)")
	}
	return f
}

func (f *tokenFinder) atNow() string {
	if f.now == "" {
		f.now = f.arg(millis(f.Now))
	}
	return f.now
}

// matches selects tokens by what people know of them. One end of a secret must be whole, so that an index finds it.
func (f *tokenFinder) matches() string {
	all := []string{f.like("t.name_key", f.Match)}
	if f.OrganizationID != "" {
		all = append(all, f.ownerLogin("t.owner_id", f.OrganizationID, f.Match))
	}
	const secrets = "t.id IN (SELECT s.token_id FROM token_secrets s WHERE "
	first, last, both := strings.Cut(names.Key(f.Match), names.Key("…"))
	if both {
		return or(append(all, secrets+"lower(s.first) = "+f.arg(first)+" AND lower(s.last) = "+f.arg(last)+")")...)
	}
	ends := f.marks([]string{first, string(keyporter.SecretUserToken) + first, string(keyporter.SecretOrganizationToken) + first})
	return or(append(all, secrets+"lower(s.first) IN "+ends+")", secrets+"lower(s.last) = "+f.arg(first)+")")...)
}

// is selects tokens in a state.
func (f *tokenFinder) is(state keyporter.TokenState) string {
	on := func() string { return "enabled AND (expires_at = 0 OR expires_at > " + f.atNow() + ")" }
	switch state {
	case keyporter.TokenOff:
		return "NOT enabled"
	case keyporter.TokenExpired:
		return "enabled AND expires_at > 0 AND expires_at <= " + f.atNow()
	case keyporter.TokenBlocked:
		return on() + " AND " + f.isBlocked()
	case keyporter.TokenActive:
		return on() + " AND NOT " + f.isBlocked()
	case keyporter.TokenNeedsAttention:
		soon := "expires_at > 0 AND expires_at <= " + f.arg(millis(f.ExpiresSoon))
		return or(on()+" AND "+or(soon, f.isBlocked()), "last_refused_at >= "+f.arg(millis(f.RefusedSince))+" AND last_refused_at >= last_used_at AND last_refused_at > changed_at")
	}
	return "TRUE"
}

// isBlocked selects tokens that nothing but their owner or organization keeps from working. Of the users of an
// organization, it reads those who can use the API, or all others, whoever are fewer.
func (f *tokenFinder) isBlocked() string {
	switch {
	case f.blocked != "":
		return f.blocked
	case f.Blocked:
		return "TRUE"
	case f.OrganizationID == "":
		return "FALSE"
	}
	var can, cannot []string
	n := 0 // how many more can than can't
	for _, s := range f.RoleSets {
		if n -= s.Users - s.Active; s.UseAPI {
			can, n = append(can, joinIDs(s.RoleIDs)), n+s.Active
		} else {
			cannot, n = append(cannot, joinIDs(s.RoleIDs)), n-s.Active
		}
	}
	users := func(active string, sets []string) string {
		return "SELECT u.id FROM users u WHERE u.organization_id = " + f.arg(f.OrganizationID) + active + " AND u.role_ids IN " + f.marks(sets)
	}
	switch {
	case len(can) == 0:
		f.blocked = "TRUE"
	case n < 0:
		f.blocked = "(owner_id NOT IN (" + users(" AND u.active", can) + "))"
	case len(cannot) == 0:
		f.blocked = "(owner_id IN (" + users(" AND NOT u.active", can) + "))"
	default:
		f.blocked = "(owner_id IN (" + users(" AND NOT u.active", can) + " UNION ALL " + users("", cannot) + "))"
	}
	return f.blocked
}

func scanListedToken(row scanner) (t ListedToken, err error) {
	var expires, created, changed, used int64
	err = row.Scan(&t.ID, &t.OrganizationID, &t.OwnerID, &t.Kind, &t.Name, &t.Enabled, &expires, &created, &changed, &t.First, &t.Last, &t.nameKey, &used)
	t.ExpiresAt, t.CreatedAt, t.ChangedAt, t.LastUsedAt = fromMillis(expires), fromMillis(created), fromMillis(changed), fromMillis(used)
	if t.expires = expires; expires == 0 {
		t.expires = 1<<63 - 1
	}
	return t, err
}
