package usage

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Report returns how a credential was used on a number of days that end today, and its last calls.
func (u *Usage) Report(ctx context.Context, credential keyporter.ID, days int) (keyporter.Report, error) {
	defer u.moving.read(ctx)()
	now := u.now()
	r, err := u.db.Report(ctx, credential, now, days)
	if err != nil {
		return r, err
	}
	use, err := u.db.UseOf(ctx, credential, now)
	if err != nil {
		return r, err
	}
	seen := u.lookAt([]keyporter.ID{credential})
	for _, p := range usesOf(seen) {
		use.Clients = addClient(use.Clients, p.ClientUse)
		if !known(use.Clients, p.Agent) {
			p.Agent = store.OtherClients
		}
		r.AddClient(p.Agent, p.LastAt, keyporter.Counts{Allowed: p.Allowed, Refused: p.Refused})
	}
	for _, s := range seen {
		for _, n := range s.routeUses() {
			r.AddRoute(n.RoutePattern, n.LastAt, n.Counts)
		}
		for _, c := range s.madeCalls(true) {
			r.Calls = store.LastCalls([]keyporter.Call{c.Call}, r.Calls)
		}
	}
	r.Sort()
	return r, nil
}

func known(clients []keyporter.ClientUse, agent string) bool {
	for _, c := range clients {
		if c.Agent == agent {
			return true
		}
	}
	return false
}
