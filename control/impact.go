package control

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// Impact is what a change would do, shown before it is made.
type Impact struct {
	Users  []UserImpact  // users who lose or gain something, by login name
	Tokens []TokenImpact // tokens that work now, were used recently, and would stop; by owner and age
	// Organization tokens that would keep working, but no longer act for a user they
	// recently acted for.
	Silenced []SilencedToken
}

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
func (c *Control) impact(ctx context.Context, p plan) (Impact, error) {
	var impact Impact
	stopped := map[keyporter.ID]bool{} // by ID: users who would lose api.use
	for _, h := range p.holders {
		u := UserImpact{User: h.User, Loses: h.loses(), Gains: h.gains()}
		stopped[h.ID] = slices.Contains(u.Loses, keyporter.PermissionUseAPI)
		if len(u.Loses)+len(u.Gains) > 0 {
			impact.Users = append(impact.Users, u)
		}
	}
	slices.SortFunc(impact.Users, func(a, b UserImpact) int { return cmp.Compare(names.Key(a.Login), names.Key(b.Login)) })
	uses := store.Uses{OrganizationID: p.organization.ID}
	if len(p.holders) == 1 {
		uses.OwnerID = p.holders[0].ID
	}
	tokens, err := c.workingTokens(ctx, p.organization, uses)
	for _, t := range tokens {
		if stopped[t.OwnerID] {
			impact.Tokens = append(impact.Tokens, TokenImpact(t))
		}
	}
	if err == nil {
		impact.Silenced, err = c.silenced(ctx, p, stopped)
	}
	return impact, err
}

// silenced returns the tokens that keep working but would no longer act for the users in
// stopped.
func (c *Control) silenced(ctx context.Context, p plan, stopped map[keyporter.ID]bool) ([]SilencedToken, error) {
	o := p.organization
	named := map[string]bool{}
	for _, h := range p.holders {
		named[h.Login] = stopped[h.ID] && h.Active
	}
	if !o.Active || !o.Has(keyporter.FlagAPI) || !o.Has(keyporter.FlagOrganizationAPIToken) {
		return nil, nil
	}
	now := c.now()
	all, err := c.usage.ActingTokens(ctx, store.Uses{OrganizationID: o.ID, Now: now, Since: now.Add(-RecentUse)})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s SilencedToken) bool {
		return !named[s.ActedFor] || stopped[s.OwnerID] || !p.roles.grant(s.OwnerRoleIDs, keyporter.PermissionUseAPI)
	}), nil
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
