package usage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// TokensInUse returns the tokens that were used since q.Since, by login name and age, each with the
// clients that used it since then. Tokens that are disabled, have expired, or belong to an inactive
// user are left out. Their First and Last stay empty.
func (u *Usage) TokensInUse(ctx context.Context, q store.Uses) ([]store.UsedToken, error) {
	defer u.moving.read(ctx)()
	tokens, err := u.db.UsableTokens(ctx, q)
	if err != nil {
		return nil, err
	}
	counted := u.usesIn(q.OrganizationID)
	for i, t := range tokens {
		clients := t.Clients
		for _, p := range counted[t.ID] {
			clients = addClient(clients, p.ClientUse)
		}
		tokens[i].Clients = slices.DeleteFunc(clients, func(c keyporter.ClientUse) bool { return c.LastAt.Before(q.Since) })
	}
	return slices.DeleteFunc(tokens, func(t store.UsedToken) bool { return len(t.Clients) == 0 }), nil
}

// usesIn returns what is in memory about the credentials of an organization.
func (u *Usage) usesIn(organization keyporter.ID) map[keyporter.ID][]store.Use {
	all := map[keyporter.ID][]store.Use{}
	for _, p := range usesOf(u.look(func(c Credential) bool { return c.OrganizationID == organization })) {
		all[p.CredentialID] = append(all[p.CredentialID], p)
	}
	return all
}

// ActingTokens returns the users that organization tokens acted for since q.Since, one entry
// for each token and user, by login name and then by the token's age. Tokens that are
// disabled, have expired, or belong to an inactive user are left out.
func (u *Usage) ActingTokens(ctx context.Context, q store.Uses) ([]store.ActingToken, error) {
	defer u.moving.read(ctx)()
	all, err := u.db.ActingTokens(ctx, q)
	if err != nil {
		return nil, err
	}
	type key struct{ token, login string }
	rows, added := map[key]int{}, map[keyporter.ID]bool{}
	for i, t := range all {
		rows[key{string(t.TokenID), t.ActedFor}] = i
	}
	counted := u.usesIn(q.OrganizationID)
	for _, t := range all {
		for _, p := range counted[t.TokenID] {
			if added[t.TokenID] || p.ActedFor == "" || p.Allowed == 0 || p.LastAt.Before(q.Since) {
				continue
			}
			i, ok := rows[key{string(t.TokenID), p.ActedFor}]
			if !ok {
				i = len(all)
				rows[key{string(t.TokenID), p.ActedFor}] = i
				t.ActedFor, t.LastAt = p.ActedFor, p.LastAt
				all = append(all, t)
			}
			all[i].LastAt = later(all[i].LastAt, p.LastAt)
		}
		added[t.TokenID] = true
	}
	all = slices.DeleteFunc(all, func(s store.ActingToken) bool { return s.ActedFor == "" })
	slices.SortStableFunc(all, func(a, b store.ActingToken) int {
		return cmp.Or(cmp.Compare(a.ActedFor, b.ActedFor), cmp.Compare(a.TokenID, b.TokenID))
	})
	return all, nil
}

// Dependent is an organization that has organization tokens, and what depends on them.
type Dependent struct {
	OrganizationID keyporter.ID
	Name           string
	Granted        bool // it has the feature Organization tokens (OrganizationApiToken)
	Tokens         int
	Used           int       // how many of them, since the requested time
	LastAt         time.Time // zero: none was ever used
}

// Dependents returns the organizations that have organization tokens, most recently used
// first.
func (u *Usage) Dependents(ctx context.Context, since time.Time) ([]Dependent, error) {
	defer u.moving.read(ctx)()
	tokens, err := u.db.OrganizationTokenUses(ctx)
	if err != nil {
		return nil, err
	}
	last := map[keyporter.ID]time.Time{}
	for _, t := range u.look(func(c Credential) bool { return c.Kind == keyporter.CredentialOrganizationToken }) {
		for _, p := range t.uses() {
			last[t.meter.Of.ID] = later(last[t.meter.Of.ID], p.LastAt)
		}
	}
	var all []Dependent
	for _, t := range tokens {
		if n := len(all); n == 0 || all[n-1].OrganizationID != t.OrganizationID {
			all = append(all, Dependent{OrganizationID: t.OrganizationID, Name: t.Name, Granted: t.Granted})
		}
		d, at := &all[len(all)-1], later(t.LastAt, last[t.TokenID])
		d.Tokens++
		if d.LastAt = later(d.LastAt, at); !at.Before(since) {
			d.Used++
		}
	}
	slices.SortStableFunc(all, func(a, b Dependent) int { return b.LastAt.Compare(a.LastAt) })
	return all, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
