package usage

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Report returns how a credential was used on a number of days that end today, and its last calls.
func (u *Usage) Report(ctx context.Context, credential keyporter.ID, days int) (keyporter.Report, error) {
	defer u.moving.read(ctx)()
	now := u.now()
	r, err := u.db.Report(ctx, credential, now, days)
	if err != nil {
		return keyporter.Report{}, err
	}
	use, err := u.db.UseOf(ctx, credential, now)
	if err != nil {
		return keyporter.Report{}, err
	}
	seen := u.lookAt([]keyporter.ID{credential})
	for _, p := range usesOf(seen) {
		use.Clients = addClient(use.Clients, p.ClientUse)
		if !slices.ContainsFunc(use.Clients, func(c keyporter.ClientUse) bool { return c.Agent == p.Agent }) {
			p.Agent = store.OtherClients
		}
		r.AddClient(p.Agent, p.LastAt, keyporter.Counts{Allowed: p.Allowed, Refused: p.Refused})
	}
	for _, n := range store.NameRoutes(routesOf(seen), func(n store.RouteUse) []keyporter.RoutePattern { return r.RoutesOn(n.LastAt) }) {
		r.AddRoute(n.RoutePattern, n.LastAt, n.Counts)
	}
	var calls []keyporter.Call
	for _, s := range seen {
		for _, c := range s.madeCalls(true) {
			calls = append(calls, c.Call)
		}
	}
	r.AddCalls(calls)
	return r.Report(), nil
}
