package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// MaxListedApps is how many apps an organization can list: its page shows them all to choose
// from.
const MaxListedApps = 500

// AppPolicy says which apps the users of an organization may connect.
type AppPolicy struct {
	Policy keyporter.AppPolicy
	Listed []keyporter.ID
	Apps   []keyporter.App // apps that can be listed: those of the instance and of the organization
}

// AppPolicy returns which apps the users of the actor's organization may connect. It
// requires organization.manage.
func (c *Control) AppPolicy(ctx context.Context, actor keyporter.Actor) (p AppPolicy, err error) {
	organization := actor.User.OrganizationID
	if _, err := may(ctx, c.db, actor, organization, keyporter.PermissionManageOrganization); err != nil {
		return p, err
	}
	if p.Policy, p.Listed, err = c.db.AppPolicyOf(ctx, organization); err != nil {
		return p, err
	}
	p.Apps, err = c.db.Apps(ctx, store.AppList{OrganizationID: organization, Instance: true}, store.Page{Limit: MaxListedApps})
	p.Apps = slices.DeleteFunc(p.Apps, func(a keyporter.App) bool { return a.State == keyporter.AppQuarantined })
	return p, err
}

// SetAppPolicy sets which apps the users of the actor's organization may connect and let act
// on their behalf. Connections with other apps remain, but don't work while the policy
// excludes them. The list takes effect only with ListedApps, but is kept under the other
// policies too.
func (c *Control) SetAppPolicy(ctx context.Context, actor keyporter.Actor, policy keyporter.AppPolicy, listed []keyporter.ID) error {
	if !slices.Contains([]keyporter.AppPolicy{keyporter.AllApps, keyporter.ListedApps, keyporter.NoApps}, policy) {
		return keyporter.InvalidField("policy", "Choose which apps your users can connect.")
	}
	organization := actor.User.OrganizationID
	listed = distinct(listed)
	if len(listed) > MaxListedApps {
		return keyporter.InvalidField("app", "That’s too many.")
	}
	return c.locked(ctx, actor, organization, func(tx *store.Tx) error {
		if _, err := may(ctx, tx, actor, organization, keyporter.PermissionManageOrganization); err != nil {
			return err
		}
		before, was, err := tx.AppPolicyOf(ctx, organization)
		if err != nil || before == policy && slices.Equal(was, listed) {
			return err
		}
		apps, err := tx.AppsByID(ctx, listed)
		if err != nil {
			return err
		}
		for _, id := range listed {
			if a, ok := apps[id]; !ok || a.OrganizationID != "" && a.OrganizationID != organization {
				return keyporter.InvalidField("app", "One of the apps no longer exists.")
			}
		}
		if err := tx.SetAppPolicy(ctx, organization, policy, listed); err != nil {
			return err
		}
		e := c.organizationEvent(keyporter.EventOrganizationApps, actor, organization, "policy", string(policy))
		e.Detail["before"], e.Detail["listed"] = string(before), words(listed)
		return tx.InsertEvent(ctx, e)
	})
}
