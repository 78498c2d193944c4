package control

import (
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// Impact is what a change would do, shown before it is made.
type Impact struct {
	Users   []UserImpact  // users who lose or gain something, by login name: the first MaxImpact of them
	Losing  int           // users who lose something
	Gaining int           // users who gain something
	Tokens  []TokenImpact // tokens that work now, were used recently, and would stop; by owner and age
	// Organization tokens that would keep working, but no longer act for a user they
	// recently acted for.
	Silenced []SilencedToken

	Changing int // users who lose or gain something
}

// MaxImpact is how many users an Impact names.
const MaxImpact = 50

// SilencedToken is an organization token that would no longer act for a user.
type SilencedToken = store.ActingToken

// UserImpact is what a change would do to one user.
type UserImpact struct {
	keyporter.User
	Loses, Gains []keyporter.Permission
}

// TokenImpact is a token that would stop working.
type TokenImpact struct {
	keyporter.Token                       // without First and Last
	Login           string                // of the token's owner
	Clients         []keyporter.ClientUse // that used it recently, latest first
}

// RecentUse is how far back previews look for calls.
const RecentUse = 30 * 24 * time.Hour

// impact works out the consequences of a plan.
func (c *Control) impact(ctx context.Context, p plan) (i Impact, err error) {
	if i, err = c.usersChanged(ctx, p); err != nil {
		return i, err
	}
	if i.Tokens, err = c.stopped(ctx, p); err != nil {
		return i, err
	}
	i.Silenced, err = c.silenced(ctx, p)
	return i, err
}

// usersChanged counts the users who lose or gain something, and names the first of them.
func (c *Control) usersChanged(ctx context.Context, p plan) (i Impact, err error) {
	var sets []store.RoleSet
	for _, h := range p.holders {
		loses, gains := h.loses(), h.gains()
		if len(loses)+len(gains) == 0 {
			continue
		}
		n, _ := h.users()
		i.Changing += n
		if len(loses) > 0 {
			i.Losing += n
		}
		if len(gains) > 0 {
			i.Gaining += n
		}
		if h.set == nil {
			i.Users = append(i.Users, UserImpact{User: h.User, Loses: loses, Gains: gains})
		} else {
			sets = append(sets, *h.set)
		}
	}
	if len(sets) == 0 {
		return i, nil
	}
	users, err := c.db.UsersOf(ctx, store.UserList{OrganizationID: p.organization.ID, RoleSets: sets, Limit: MaxImpact})
	for _, u := range users {
		if at := p.holder(u.ID, u.RoleIDs); at != nil {
			i.Users = append(i.Users, UserImpact{User: u, Loses: at.loses(), Gains: at.gains()})
		}
	}
	return i, err
}

// holder returns what the plan does to a user with these roles; nil: nothing.
func (p *plan) holder(id keyporter.ID, roles []keyporter.ID) *holder {
	for i := range p.holders {
		if h := &p.holders[i]; h.is(id, roles) {
			return h
		}
	}
	return nil
}

// stops reports whether a user with these roles would lose api.use.
func (p *plan) stops(id keyporter.ID, roles []keyporter.ID) bool {
	h := p.holder(id, roles)
	return h != nil && h.stops()
}

func (h *holder) stops() bool { return slices.Contains(h.loses(), keyporter.PermissionUseAPI) }

// stopped returns the tokens that work now, were used recently, and would stop, because their owner would
// lose api.use.
func (c *Control) stopped(ctx context.Context, p plan) ([]TokenImpact, error) {
	if !slices.ContainsFunc(p.holders, func(h holder) bool { return h.stops() }) {
		return nil, nil
	}
	uses := store.Uses{OrganizationID: p.organization.ID}
	if len(p.holders) == 1 {
		uses.OwnerID = p.holders[0].ID
	}
	tokens, err := c.workingTokens(ctx, p.organization, uses)
	if err != nil {
		return nil, err
	}
	var all []TokenImpact
	for page := range slices.Chunk(tokens, 1000) {
		owners, err := c.db.UsersByID(ctx, idsOf(page, func(t store.UsedToken) keyporter.ID { return t.OwnerID }))
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if p.stops(t.OwnerID, owners[t.OwnerID].RoleIDs) {
				all = append(all, TokenImpact(t))
			}
		}
	}
	return all, nil
}

// silenced returns the tokens that keep working but would no longer act for users who lose api.use.
func (c *Control) silenced(ctx context.Context, p plan) ([]SilencedToken, error) {
	o := p.organization
	if !o.Active || !o.Has(keyporter.FlagAPI) || !o.Has(keyporter.FlagOrganizationAPIToken) || !slices.ContainsFunc(p.holders, func(h holder) bool { return h.stops() }) {
		return nil, nil
	}
	now := c.now()
	all, err := c.usage.ActingTokens(ctx, store.Uses{OrganizationID: o.ID, Now: now, Since: now.Add(-RecentUse)})
	if err != nil {
		return nil, err
	}
	logins := make([]string, len(all))
	for i, s := range all {
		logins[i] = s.ActedFor
	}
	slices.Sort(logins)
	users, err := c.db.UsersByLogin(ctx, slices.Compact(logins))
	return slices.DeleteFunc(all, func(s SilencedToken) bool {
		u := users[names.Key(s.ActedFor)]
		return !u.Active || !p.stops(u.ID, u.RoleIDs) || p.stops(s.OwnerID, s.OwnerRoleIDs) || !p.roles.grantUse(s.OwnerRoleIDs)
	}), err
}

// workingTokens returns the tokens that were used recently and that nothing keeps from
// working, as far as the organization is concerned; the caller checks whether their owners
// hold api.use.
func (c *Control) workingTokens(ctx context.Context, o keyporter.Organization, u store.Uses) ([]store.UsedToken, error) {
	if !o.Active || !o.Has(keyporter.FlagAPI) {
		return nil, nil
	}
	u.Now = c.now()
	u.Since = u.Now.Add(-RecentUse)
	tokens, err := c.usage.TokensInUse(ctx, u)
	return slices.DeleteFunc(tokens, func(t store.UsedToken) bool {
		return t.Kind == keyporter.OrganizationToken && !o.Has(keyporter.FlagOrganizationAPIToken)
	}), err
}
