package usage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// TokensInUse returns the tokens that are enabled, have not expired, belong to an active
// user and were used since q.Since, by login name and age, each with the clients that used
// it since then. Their First and Last stay empty.
func (u *Usage) TokensInUse(ctx context.Context, q store.Uses) ([]store.UsedToken, error) {
	u.writing.RLock()
	defer u.writing.RUnlock()
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

// usesIn returns what is in memory of the credentials of an organization.
func (u *Usage) usesIn(organization keyporter.ID) map[keyporter.ID][]store.Use {
	all := map[keyporter.ID][]store.Use{}
	for _, t := range u.look(func(c Credential) bool { return c.OrganizationID == organization }) {
		all[t.meter.Of.ID] = append(all[t.meter.Of.ID], t.uses()...)
	}
	return all
}

// SpokenSince returns whom the organization tokens have spoken for since q.Since, for tokens
// that are enabled, have not expired and belong to an active user; by that user's login name
// and the tokens' age.
func (u *Usage) SpokenSince(ctx context.Context, q store.Uses) ([]store.SpokenToken, error) {
	u.writing.RLock()
	defer u.writing.RUnlock()
	all, err := u.db.SpokenSince(ctx, q)
	if err != nil {
		return nil, err
	}
	type key struct{ token, login string }
	rows, added := map[key]int{}, map[keyporter.ID]bool{}
	for i, t := range all {
		rows[key{string(t.TokenID), t.SpokeFor}] = i
	}
	counted := u.usesIn(q.OrganizationID)
	for _, t := range all {
		for _, p := range counted[t.TokenID] {
			if added[t.TokenID] || p.SpokeFor == "" || p.Allowed == 0 || p.LastAt.Before(q.Since) {
				continue
			}
			i, ok := rows[key{string(t.TokenID), p.SpokeFor}]
			if !ok {
				i = len(all)
				rows[key{string(t.TokenID), p.SpokeFor}] = i
				t.SpokeFor, t.LastAt = p.SpokeFor, p.LastAt
				all = append(all, t)
			}
			all[i].LastAt = later(all[i].LastAt, p.LastAt)
		}
		added[t.TokenID] = true
	}
	all = slices.DeleteFunc(all, func(s store.SpokenToken) bool { return s.SpokeFor == "" })
	slices.SortStableFunc(all, func(a, b store.SpokenToken) int {
		return cmp.Or(cmp.Compare(a.SpokeFor, b.SpokeFor), cmp.Compare(a.TokenID, b.TokenID))
	})
	return all, nil
}

// Dependent is an organization that has organization tokens, and what depends on them.
type Dependent struct {
	OrganizationID keyporter.ID
	Name           string
	Granted        bool // it has the flag OrganizationApiToken
	Tokens         int
	Used           int       // of them, since the requested time
	LastAt         time.Time // zero: none was ever used
}

// Dependents returns the organizations that have organization tokens, most recently used
// first.
func (u *Usage) Dependents(ctx context.Context, since time.Time) ([]Dependent, error) {
	u.writing.RLock()
	defer u.writing.RUnlock()
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
