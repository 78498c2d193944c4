package control

import (
	"context"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// CreateOrganization adds an organization with the flags that new ones get.
func (c *Control) CreateOrganization(ctx context.Context, actor keyporter.Actor, name string) (keyporter.Organization, error) {
	var o keyporter.Organization
	err := c.db.Do(ctx, func(tx *store.Tx) (err error) {
		if err := mayOperate(ctx, tx, actor); err != nil {
			return err
		}
		if o, err = c.newOrganization(name); err != nil {
			return err
		}
		return c.insertOrganization(ctx, tx, actor, o)
	})
	return o, err
}

func (c *Control) newOrganization(name string) (keyporter.Organization, error) {
	name, err := names.Parse("organization", name)
	if err != nil {
		return keyporter.Organization{}, err
	}
	now := c.now()
	o := keyporter.Organization{ID: keyporter.NewID(now), Name: name, Active: true, CreatedAt: now}
	for _, f := range keyporter.Flags() {
		if f.Default {
			o.Flags = append(o.Flags, f.Flag)
		}
	}
	return o, nil
}

func (c *Control) insertOrganization(ctx context.Context, tx *store.Tx, actor keyporter.Actor, o keyporter.Organization) error {
	if err := c.checkOrganizations(ctx, tx, actor); err != nil {
		return err
	}
	err := tx.InsertOrganization(ctx, o)
	if keyporter.KindOf(err) == keyporter.Conflict {
		return keyporter.ConflictField("organization", "An organization with this name already exists.")
	}
	if err != nil {
		return err
	}
	return tx.InsertEvent(ctx, c.organizationEvent(keyporter.EventOrganizationCreate, actor, o.ID, "name", o.Name))
}

// EnableOrganization ends the suspension of an organization.
func (c *Control) EnableOrganization(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventOrganizationEnable, actor, id, "", ""),
		func(tx *store.Tx) (bool, error) { return tx.SetOrganizationActive(ctx, id, true) })
}

// DisableOrganization suspends an organization: nobody in it can sign in and none of its
// tokens work. Operators can't do that to their own.
func (c *Control) DisableOrganization(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeOrganization(ctx, actor, c.organizationEvent(keyporter.EventOrganizationDisable, actor, id, "", ""),
		func(tx *store.Tx) (bool, error) {
			if actor.User.OrganizationID == id {
				return false, keyporter.Refuse(keyporter.Forbidden, "You can’t suspend your own organization, because you would lock yourself out.")
			}
			return tx.SetOrganizationActive(ctx, id, false)
		})
}

// changeOrganization makes one change to an organization. If change reports false, nothing
// changed and no event is written.
func (c *Control) changeOrganization(ctx context.Context, actor keyporter.Actor, e keyporter.Event, change func(*store.Tx) (bool, error)) error {
	return c.asOperator(ctx, actor, e.OrganizationID, func(tx *store.Tx) error {
		changed, err := change(tx)
		if err != nil || !changed {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
}

// OrganizationSummary is an organization as operators see it.
type OrganizationSummary struct {
	keyporter.Organization
	Users       int
	ActiveUsers int
}

// Organizations returns the organizations whose name contains match, by name: a page of up
// to MaxPage after the organization after.
func (c *Control) Organizations(ctx context.Context, actor keyporter.Actor, match string, after keyporter.ID) ([]OrganizationSummary, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return nil, err
	}
	found, err := c.db.Organizations(ctx, text(strings.TrimSpace(match), keyporter.MaxLoginLen), after, MaxPage)
	if err != nil {
		return nil, err
	}
	return c.summaries(ctx, found...)
}

func (c *Control) summaries(ctx context.Context, organizations ...keyporter.Organization) ([]OrganizationSummary, error) {
	users, err := c.db.CountUsers(ctx, idsOf(organizations, func(o keyporter.Organization) keyporter.ID { return o.ID }))
	all := make([]OrganizationSummary, len(organizations))
	for i, o := range organizations {
		all[i] = OrganizationSummary{Organization: o, Users: users[o.ID].All, ActiveUsers: users[o.ID].Active}
	}
	return all, err
}

// OrganizationByID returns an organization of the instance.
func (c *Control) OrganizationByID(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (OrganizationSummary, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return OrganizationSummary{}, err
	}
	o, err := c.db.OrganizationByID(ctx, id)
	if err != nil {
		return OrganizationSummary{}, missing(err, "organization")
	}
	s, err := c.summaries(ctx, o)
	if err != nil {
		return OrganizationSummary{}, err
	}
	return s[0], nil
}

// TokensInUse returns how many tokens of an organization work and were used recently. An
// operator sees this number before suspending it; which tokens they are is none of an
// operator's business.
func (c *Control) TokensInUse(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (int, error) {
	tokens, err := c.tokensInUse(ctx, actor, id)
	return len(tokens), err
}

// TokensUnder returns how many of those need a feature and would stop working if it were
// withdrawn.
func (c *Control) TokensUnder(ctx context.Context, actor keyporter.Actor, id keyporter.ID, f keyporter.Flag) (int, error) {
	if !f.Valid() {
		return 0, noFlag(f)
	}
	tokens, err := c.tokensInUse(ctx, actor, id)
	tokens = slices.DeleteFunc(tokens, func(t TokenImpact) bool { return !slices.Contains(flagsOf(t.Kind), f) })
	return len(tokens), err
}

func (c *Control) tokensInUse(ctx context.Context, actor keyporter.Actor, id keyporter.ID) ([]TokenImpact, error) {
	o, err := c.OrganizationByID(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	roles, err := rolesIn(ctx, c.db, id)
	if err != nil {
		return nil, err
	}
	sets, err := c.db.RoleSets(ctx, id)
	if err != nil {
		return nil, err
	}
	p := plan{organization: o.Organization, roles: roles}
	for _, s := range sets {
		p.holders = append(p.holders, holder{set: &s, before: p.roles.existing(s.RoleIDs)})
	}
	return c.stopped(ctx, p)
}

// OrganizationByName returns an organization of the instance.
func (c *Control) OrganizationByName(ctx context.Context, actor keyporter.Actor, name string) (keyporter.Organization, error) {
	if err := mayOperate(ctx, c.db, actor); err != nil {
		return keyporter.Organization{}, err
	}
	o, err := c.db.OrganizationByName(ctx, name)
	return o, missing(err, "organization")
}

// Organization returns the organization of the actor.
func (c *Control) Organization(ctx context.Context, actor keyporter.Actor) (keyporter.Organization, error) {
	user, err := signedIn(ctx, c.db, actor)
	if err != nil {
		return keyporter.Organization{}, err
	}
	return c.db.OrganizationByID(ctx, user.OrganizationID)
}

func (c *Control) organizationEvent(name keyporter.EventName, actor keyporter.Actor, id keyporter.ID, key, value string) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID = id
	if key != "" {
		e.Detail = map[string]string{key: value}
	}
	return e
}
