package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// TokenList selects tokens: of one user, or of all users of an organization.
type TokenList struct {
	Kind           keyporter.TokenKind // empty: user tokens
	OwnerID        keyporter.ID        // empty: of all users of the organization
	OrganizationID keyporter.ID        // without OwnerID; empty: the actor's

	Match        string               // part of the name or, without OwnerID, of the owner's login; or one end of the secret, or both as Token.Shown; letter case doesn't matter
	State        keyporter.TokenState // empty: any
	UnusedDays   int                  // not used for so many days, or never; 0: any
	ExpiringDays int                  // expires in at most so many whole days; 0: any
	NeverRotated bool                 // has the secret that it was made with

	Sort       keyporter.TokenSort // empty: by age, the latest first
	Descending bool
	Paging
}

// TokenPage is a page of a list of tokens.
type TokenPage struct {
	Tokens       []ListedToken
	Owner        keyporter.User // zero without TokenList.OwnerID
	Organization keyporter.Organization
	Cursors

	// How many tokens match, with all filters but the state: in the selected state, and in each of these.
	Selected, All, Active, Attention, Off Total
}

// ListedToken is a token as lists show it.
type ListedToken struct {
	TokenWithUse
	Owner    keyporter.User
	State    keyporter.TokenState // one of those that say whether it works
	Obstacle string               // what about the owner keeps it from working, if the organization doesn't; empty: nothing
}

// When a token needs attention.
const (
	ExpiresSoon    = 14 * 24 * time.Hour // it expires within this time
	RecentRefusals = 7 * 24 * time.Hour  // a call with it was refused within this time
)

const maxDays = 36_500 // of a filter

// ListTokens returns a page of up to MaxPage tokens, and how many there are. Users list their own in person. Those of
// others take tokens.manage, or organization_tokens.manage; operators may list the organization tokens of any
// organization. Calls count in the rows at once, and for order, filters, and totals with the next batch of counts.
func (c *Control) ListTokens(ctx context.Context, actor keyporter.Actor, l TokenList) (p TokenPage, err error) {
	if l.Kind == "" {
		l.Kind = keyporter.UserToken
	}
	if p.Owner, l.OrganizationID, err = c.mayList(ctx, actor, l); err != nil {
		return TokenPage{}, err
	}
	find, err := c.tokenFilter(l)
	if err != nil {
		return TokenPage{}, err
	}
	if p.Organization, err = c.db.OrganizationByID(ctx, l.OrganizationID); err != nil {
		return p, missing(err, "organization")
	}
	w, err := c.workingIn(ctx, p.Organization)
	if err != nil {
		return p, err
	}
	find.Blocked = !w.allows(l.Kind)
	if find.OwnerID != "" {
		find.Blocked = find.Blocked || !w.ownerAllowed(p.Owner)
	} else if find.RoleSets, err = w.sets(ctx, c.db); err != nil {
		return p, err
	}
	tokens, cursors, err := paged(fmt.Sprint("tokens ", find.Sort, find.Descending), l.Paging, find.PlaceOf, func(page store.Page) ([]store.ListedToken, error) {
		return c.db.Tokens(ctx, find, page)
	})
	if err != nil {
		return p, err
	}
	n, err := c.db.CountListedTokens(ctx, find)
	if err != nil {
		return p, err
	}
	p.Cursors, p.Selected, p.All, p.Active, p.Attention, p.Off = cursors, Total(n.Selected), Total(n.All), Total(n.Active), Total(n.Attention), Total(n.Off)
	listed := make([]keyporter.Token, len(tokens))
	for i, t := range tokens {
		listed[i] = t.Token
	}
	p.Tokens, err = c.listed(ctx, w, listed)
	return p, err
}

// mayList returns whose tokens the actor may list: an owner's, or all of an organization.
func (c *Control) mayList(ctx context.Context, actor keyporter.Actor, l TokenList) (owner keyporter.User, organization keyporter.ID, err error) {
	switch {
	case actor.Is(l.OwnerID):
		owner, err = signedIn(ctx, c.db, actor)
		return owner, owner.OrganizationID, err
	case l.OwnerID != "":
		if owner, err = c.db.UserByID(ctx, l.OwnerID); err == nil {
			_, err = may(ctx, c.db, actor, owner.OrganizationID, manages(l.Kind))
		}
		return owner, owner.OrganizationID, missing(err, "user")
	case l.OrganizationID == "":
		l.OrganizationID = actor.User.OrganizationID
	}
	_, err = may(ctx, c.db, actor, l.OrganizationID, manages(l.Kind))
	if err != nil && l.Kind == keyporter.OrganizationToken && mayOperate(ctx, c.db, actor) == nil {
		err = nil
	}
	return owner, l.OrganizationID, err
}

// tokenFilter checks what a list selects.
func (c *Control) tokenFilter(l TokenList) (find store.TokenList, err error) {
	now := c.now()
	find = store.TokenList{
		OwnerID: l.OwnerID, Kind: l.Kind, Match: searched(l.Match), State: l.State, NeverRotated: l.NeverRotated,
		Sort: l.Sort, Descending: l.Descending, Now: now, ExpiresSoon: now.Add(ExpiresSoon), RefusedSince: now.Add(-RecentRefusals),
	}
	if l.OwnerID == "" {
		find.OrganizationID = l.OrganizationID
	}
	if l.Sort == "" {
		find.Sort, find.Descending = keyporter.TokensByAge, true
	}
	if l.UnusedDays > 0 {
		find.UnusedSince = now.AddDate(0, 0, -l.UnusedDays)
	}
	if l.ExpiringDays > 0 {
		find.ExpiresBy = now.AddDate(0, 0, l.ExpiringDays+1).Add(-time.Millisecond) // in so many whole days, as rows say
	}
	return find, keyporter.JoinFields(
		unless(slices.Contains([]keyporter.TokenState{"", keyporter.TokenActive, keyporter.TokenOff, keyporter.TokenExpired, keyporter.TokenBlocked, keyporter.TokenNeedsAttention}, l.State),
			"state", "Tokens have no such state."),
		unless(slices.Contains([]keyporter.TokenSort{keyporter.TokensByName, keyporter.TokensByUse, keyporter.TokensByAge, keyporter.TokensByExpiry}, find.Sort),
			"sort", "Tokens can’t be sorted by that."),
		unless(l.UnusedDays >= 0 && l.UnusedDays <= maxDays, "unused", "Enter a number of days, up to 36,500."),
		unless(l.ExpiringDays >= 0 && l.ExpiringDays <= maxDays, "expiring", "Enter a number of days, up to 36,500."))
}

// unless returns an error about an input unless it is right.
func unless(right bool, field, message string) error {
	if right {
		return nil
	}
	return keyporter.InvalidField(field, message)
}

// working knows whose tokens work in an organization.
type working struct {
	organization keyporter.Organization
	roles        roles
}

func (c *Control) workingIn(ctx context.Context, o keyporter.Organization) (w working, err error) {
	w.organization = o
	w.roles, err = rolesIn(ctx, c.db, o.ID)
	return w, err
}

// allows reports whether tokens of a kind work, as far as the organization is concerned.
func (w *working) allows(kind keyporter.TokenKind) bool {
	return OrganizationObstacle(w.organization, kind) == ""
}

// ownerAllowed reports whether tokens work, as far as their owner is concerned.
func (w *working) ownerAllowed(u keyporter.User) bool {
	return u.Active && w.roles.grantUse(u.RoleIDs)
}

// sets returns the sets of roles of the organization's users.
func (w *working) sets(ctx context.Context, q reader) (all []store.UserSet, err error) {
	sets, err := q.RoleSets(ctx, w.organization.ID)
	for _, s := range sets {
		all = append(all, store.UserSet{RoleSet: s, UseAPI: w.roles.grantUse(s.RoleIDs)})
	}
	return all, err
}

// state returns whether a token works.
func (w *working) state(t *keyporter.Token, owner keyporter.User, now time.Time) keyporter.TokenState {
	switch {
	case !t.Enabled:
		return keyporter.TokenOff
	case t.Expired(now):
		return keyporter.TokenExpired
	case !w.allows(t.Kind) || !w.ownerAllowed(owner):
		return keyporter.TokenBlocked
	}
	return keyporter.TokenActive
}

// listedIn adds to tokens of an organization what ListedToken has.
func (c *Control) listedIn(ctx context.Context, o keyporter.Organization, tokens []keyporter.Token) ([]ListedToken, error) {
	w, err := c.workingIn(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.listed(ctx, w, tokens)
}

// listed adds to tokens of one organization what ListedToken has.
func (c *Control) listed(ctx context.Context, w working, tokens []keyporter.Token) ([]ListedToken, error) {
	used, err := c.withUse(ctx, tokens)
	if err != nil {
		return nil, err
	}
	owners, err := c.db.UsersByID(ctx, idsOf(tokens, func(t keyporter.Token) keyporter.ID { return t.OwnerID }))
	all, now := make([]ListedToken, len(used)), c.now()
	for i, t := range used {
		owner := owners[t.OwnerID]
		all[i] = ListedToken{TokenWithUse: t, Owner: owner, State: w.state(&t.Token, owner, now)}
		if w.allows(t.Kind) {
			all[i].Obstacle = ownerObstacle(owner, w.roles)
		}
	}
	return all, err
}
