package usage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Of returns how a credential was used.
func (u *Usage) Of(ctx context.Context, credential keyporter.ID) (keyporter.TokenUse, error) {
	all, err := u.OfAll(ctx, []keyporter.ID{credential})
	return all[credential], err
}

// OfAll returns how each of the credentials was used.
func (u *Usage) OfAll(ctx context.Context, credentials []keyporter.ID) (map[keyporter.ID]keyporter.TokenUse, error) {
	defer u.moving.read(ctx)()
	now := u.now()
	all, err := u.db.UsesOf(ctx, credentials, now)
	if err != nil {
		return nil, err
	}
	for _, p := range usesOf(u.lookAt(credentials)) {
		use := all[p.CredentialID]
		add(&use, p, now)
		all[p.CredentialID] = use
	}
	return all, nil
}

// lookAt returns what is in memory about these credentials.
func (u *Usage) lookAt(credentials []keyporter.ID) []snapshot {
	var meters []*Meter
	u.mu.Lock()
	for _, id := range credentials {
		meters = append(meters, u.dirty[id]...)
	}
	u.mu.Unlock()
	return lookInto(meters, u.now())
}

// look returns what is in memory about the matching credentials, sorted by credential.
func (u *Usage) look(of func(Credential) bool) []snapshot {
	var meters []*Meter
	u.mu.Lock()
	for _, all := range u.dirty {
		for _, m := range all {
			if of(m.Of) {
				meters = append(meters, m)
			}
		}
	}
	u.mu.Unlock()
	slices.SortStableFunc(meters, func(a, b *Meter) int { return cmp.Compare(a.Of.ID, b.Of.ID) })
	return lookInto(meters, u.now())
}

func lookInto(meters []*Meter, now time.Time) []snapshot {
	all := make([]snapshot, len(meters))
	for i, m := range meters {
		all[i] = m.look(now)
	}
	return all
}

// add adds a batch to a credential's use, as store.Tx.AddUses will do in the database.
func add(use *keyporter.TokenUse, p store.Use, now time.Time) {
	first := now.Truncate(time.Hour).Add(-time.Duration(len(use.Hours)-1) * time.Hour)
	if i := int(p.LastAt.Truncate(time.Hour).Sub(first) / time.Hour); i >= 0 {
		use.Allowed += p.Allowed
		use.Refused += p.Refused
		if i < len(use.Hours) {
			use.Hours[i] += p.Allowed
		}
	}
	use.Clients = addClient(use.Clients, p.ClientUse)
	if p.ActedFor != "" && p.Allowed > 0 {
		use.ActedFor = addUserUse(use.ActedFor, p)
	}
}

// addClient adds the calls of a client to those of all clients of a credential, latest
// first. New clients beyond store.MaxClients count as others.
func addClient(all []keyporter.ClientUse, p keyporter.ClientUse) []keyporter.ClientUse {
	find := func(agent string) int {
		return slices.IndexFunc(all, func(c keyporter.ClientUse) bool { return c.Agent == agent })
	}
	i := find(p.Agent)
	if named := len(all) - min(find(store.OtherClients)+1, 1); i < 0 && named >= store.MaxClients {
		p.Agent = store.OtherClients
		i = find(p.Agent)
	}
	if i < 0 {
		all = append(all, p)
	} else {
		c := &all[i]
		if !p.LastAt.Before(c.LastAt) {
			c.Address, c.Version, c.LastAt = p.Address, p.Version, p.LastAt
		}
		c.Allowed += p.Allowed
		c.Refused += p.Refused
		c.RefusedAt = later(c.RefusedAt, p.RefusedAt)
	}
	slices.SortStableFunc(all, func(a, b keyporter.ClientUse) int {
		return cmp.Or(b.LastAt.Compare(a.LastAt), cmp.Compare(a.Agent, b.Agent))
	})
	return all
}

func addUserUse(all []keyporter.UserUse, p store.Use) []keyporter.UserUse {
	i := slices.IndexFunc(all, func(s keyporter.UserUse) bool { return s.Login == p.ActedFor && s.Version == p.Version })
	if i < 0 {
		i = len(all)
		all = append(all, keyporter.UserUse{Login: p.ActedFor, Version: p.Version})
	}
	s := &all[i]
	s.Calls += p.Allowed
	if p.LastAt.After(s.LastAt) {
		s.LastAt = p.LastAt
	}
	slices.SortStableFunc(all, func(a, b keyporter.UserUse) int {
		return cmp.Or(b.LastAt.Compare(a.LastAt), cmp.Compare(a.Login, b.Login), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// LastCalls returns when the credentials of an organization were last used, of those with calls that aren't written yet.
// It asks no database.
func (u *Usage) LastCalls(organization keyporter.ID) map[keyporter.ID]time.Time {
	last := map[keyporter.ID]time.Time{}
	for _, s := range u.look(func(c Credential) bool { return c.OrganizationID == organization }) {
		for _, use := range s.uses() {
			last[use.CredentialID] = later(last[use.CredentialID], use.LastAt)
		}
	}
	return last
}
