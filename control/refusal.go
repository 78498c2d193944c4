package control

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

// Refusals returns the most recent refused calls with a token or connection that the actor
// may manage, latest first.
func (c *Control) Refusals(ctx context.Context, actor keyporter.Actor, credential keyporter.ID) ([]keyporter.RefusedCall, error) {
	t, err := c.Credential(ctx, actor, credential)
	if err != nil {
		return nil, err
	}
	calls, err := c.usage.RefusalsOf(ctx, credential)
	if err != nil {
		return nil, err
	}
	d, err := c.discretion(ctx, actor)
	for i := range calls {
		calls[i].Cause = d.cause(t, &calls[i])
	}
	return calls, err
}

// RefusalList selects refused calls: those of the actor, or in their organization.
type RefusalList struct {
	Everyone bool   // of all tokens and connections that the actor may manage and all apps that they see; false: of their own, and of the apps that they are responsible for
	Match    string // part of what was called, by whom, and why, or, with Everyone, of the owner's login; letter case doesn't matter
	Days     int    // only those of the last days; 0: any
	Paging
}

// RefusalPage is a page of a list of refused calls, latest first.
type RefusalPage struct {
	Calls   []keyporter.RefusedCall
	Callers map[keyporter.ID]Credential // what they were made with
	Owners  map[keyporter.ID]keyporter.User
	Total   Total
	Cursors
}

// ListRefusals returns a page of up to MaxPage refused calls, and how many there are. Those of everyone take the
// permission to manage tokens or to see apps, and have what that permits.
func (c *Control) ListRefusals(ctx context.Context, actor keyporter.Actor, l RefusalList) (p RefusalPage, err error) {
	find, err := c.visibleRefusals(ctx, actor, l.Everyone, searched(l.Match))
	if err != nil {
		return p, err
	}
	if l.Days > 0 {
		find.Since = c.now().AddDate(0, 0, -min(l.Days, maxDays))
	}
	place := func(r keyporter.RefusedCall) store.Place { return store.Place{ID: r.ID} }
	calls, cursors, err := paged("refusals", l.Paging, place, func(page store.Page) ([]keyporter.RefusedCall, error) {
		calls, n, err := c.usage.Refusals(ctx, find, page)
		p.Total = Total(n)
		return calls, err
	})
	if err != nil {
		return p, err
	}
	p.Cursors = cursors
	if p.Calls, p.Callers, err = c.withCauses(ctx, actor, calls); err != nil {
		return p, err
	}
	p.Owners, err = c.ownersOf(ctx, p.Callers)
	return p, err
}

func (c *Control) ownersOf(ctx context.Context, callers map[keyporter.ID]Credential) (map[keyporter.ID]keyporter.User, error) {
	return c.db.UsersByID(ctx, idsOf(slices.Collect(maps.Values(callers)), func(t Credential) keyporter.ID { return t.OwnerID }))
}

// OrganizationRefusals returns the most recent calls of everyone's list, up to RefusalLimit.
func (c *Control) OrganizationRefusals(ctx context.Context, actor keyporter.Actor) ([]keyporter.RefusedCall, error) {
	find, err := c.visibleRefusals(ctx, actor, true, "")
	if err != nil {
		return nil, err
	}
	calls, _, err := c.usage.Refusals(ctx, find, store.Page{Limit: keyporter.RefusalLimit})
	if err != nil {
		return nil, err
	}
	visible, _, err := c.withCauses(ctx, actor, calls)
	return visible, err
}

// visibleRefusals selects the refused calls that the actor may see, as callers says, or only their own.
func (c *Control) visibleRefusals(ctx context.Context, actor keyporter.Actor, everyone bool, match string) (find usage.RefusalList, err error) {
	if _, err := signedIn(ctx, c.db, actor); err != nil {
		return find, err
	}
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	if err != nil {
		return find, err
	}
	if everyone && !a.seesRefusals() {
		return find, keyporter.PermissionManageTokens.Lacking()
	}
	find.RefusalList = store.RefusalList{OrganizationID: a.user.OrganizationID, UserID: a.user.ID, Match: match, Owners: everyone}
	if everyone {
		find.Connections, find.Apps = a.holds(keyporter.PermissionManageTokens), a.seesApps()
		for _, kind := range []keyporter.TokenKind{keyporter.UserToken, keyporter.OrganizationToken} {
			if a.holds(manages(kind)) {
				find.Kinds = append(find.Kinds, kind)
			}
		}
	}
	if match != "" {
		find.About = keyporter.ReasonsAbout(match)
	}
	if !a.holds(keyporter.PermissionManageUsers) && !a.holds(keyporter.PermissionManageRoles) {
		find.Discreet = keyporter.ReasonsOf(keyporter.RulePermission, keyporter.RuleNamedPermission)
	}
	return find, c.addUnwritten(ctx, actor, &find)
}

// addUnwritten adds to a list whose calls in memory are in it.
func (c *Control) addUnwritten(ctx context.Context, actor keyporter.Actor, find *usage.RefusalList) error {
	visible, err := c.callers(ctx, actor, distinct(c.usage.Unwritten(find.OrganizationID))...)
	if err != nil {
		return err
	}
	owners, err := c.ownersOf(ctx, visible)
	for id, t := range visible {
		if !find.Owners && !t.Own {
			continue
		}
		find.Unwritten = append(find.Unwritten, id)
		if find.Owners && find.Match != "" && strings.Contains(names.Key(owners[t.OwnerID].Login), names.Key(find.Match)) {
			find.ByOwner = append(find.ByOwner, id)
		}
	}
	return err
}

// seesApps reports whether the actor sees every app of their organization.
func (a *authority) seesApps() bool {
	return a.operates || a.holds(keyporter.PermissionRegisterApps) || a.holds(keyporter.PermissionManageOrganization)
}

// seesRefusals reports whether the actor sees refused calls of others.
func (a *authority) seesRefusals() bool {
	return a.seesApps() || a.holds(keyporter.PermissionManageTokens) || a.holds(keyporter.PermissionManageOrganizationTokens)
}

// withCauses returns those of the calls that the actor may see, with the causes as they may see them, and what they were made with.
func (c *Control) withCauses(ctx context.Context, actor keyporter.Actor, calls []keyporter.RefusedCall) (visible []keyporter.RefusedCall, credentials map[keyporter.ID]Credential, err error) {
	d, err := c.discretion(ctx, actor)
	if err != nil {
		return nil, nil, err
	}
	credentials, err = c.callers(ctx, actor, idsOf(calls, func(r keyporter.RefusedCall) keyporter.ID { return r.CredentialID })...)
	for _, r := range calls {
		if t, ok := credentials[r.CredentialID]; ok {
			r.Cause = d.cause(t, &r)
			visible = append(visible, r)
		}
	}
	return visible, credentials, err
}

// Refusal returns the refused call with a request ID and its credential, to people who may
// manage the credential or, if it is an app that acts for itself, see the app.
func (c *Control) Refusal(ctx context.Context, actor keyporter.Actor, requestID string) (keyporter.RefusedCall, Credential, error) {
	r, err := c.usage.RefusalByRequestID(ctx, text(requestID, 100))
	var callers map[keyporter.ID]Credential
	if err == nil {
		callers, err = c.callers(ctx, actor, r.CredentialID)
	}
	t, ok := callers[r.CredentialID]
	if err == nil && !ok || keyporter.KindOf(hidden(err, "refused call")) == keyporter.NotFound {
		err = keyporter.Refuse(keyporter.NotFound, "There is no refused call with this request ID. Keyporter keeps the last 100 for each token, connection, app, and organization, and only calls with a valid token.")
	}
	if err != nil {
		return keyporter.RefusedCall{}, Credential{}, err
	}
	d, err := c.discretion(ctx, actor)
	r.Cause = d.cause(t, &r)
	return r, t, err
}
