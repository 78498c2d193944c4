package control

import (
	"context"
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AppProfile is an app as shown to those who may see it.
type AppProfile struct {
	keyporter.App
	Organization     string // its name; empty: an app of the instance
	Secrets          []keyporter.AppCredential
	People           []keyporter.User // the users responsible for it
	Connections      int              // how many users have connected it
	HasWebhookSecret bool
	CanManage        bool // the actor may change it
	IsOperator       bool // the actor is an operator
}

// App returns an app to operators, to the people responsible for it, and to users of its
// organization who may register apps or change the organization's settings.
func (c *Control) App(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (p AppProfile, err error) {
	if p.App, err = c.db.AppByID(ctx, id); err != nil {
		return p, missing(err, "app")
	}
	over, err := authorityOver(ctx, c.db, actor, p.App)
	if err == nil && !over.sees {
		err = notFound("app")
	}
	if err != nil {
		return AppProfile{}, err
	}
	p.CanManage, p.IsOperator = over.manages, over.operates
	organizations, err := c.organizationsOf(ctx, p.App)
	if err != nil {
		return p, err
	}
	p.Organization = organizations[p.OrganizationID]
	if p.Secrets, err = c.db.AppSecretsOf(ctx, id); err != nil {
		return p, err
	}
	if p.Connections, err = c.db.CountConnections(ctx, id); err != nil {
		return p, err
	}
	if p.HasWebhookSecret, err = c.db.HasWebhookSecret(ctx, id); err != nil {
		return p, err
	}
	people, err := c.db.AppPeople(ctx, id)
	if err != nil {
		return p, err
	}
	users, err := c.db.UsersByID(ctx, people)
	for _, id := range people {
		p.People = append(p.People, users[id])
	}
	return p, err
}

// ListedApp is an app in a list.
type ListedApp struct {
	keyporter.App
	Organization string // its name; empty: an app of the instance
}

// visibleApps selects the apps that the actor may see.
func (c *Control) visibleApps(ctx context.Context, actor keyporter.Actor) (find store.AppList, err error) {
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	if err != nil {
		return find, err
	}
	find = store.AppList{All: a.operates, PersonID: responsible(a, actor)}
	if a.holds(keyporter.PermissionRegisterApps) || a.holds(keyporter.PermissionManageOrganization) {
		find.OrganizationID = a.user.OrganizationID
	}
	return find, nil
}

// AppList selects apps.
type AppList struct {
	Match string             // part of the name; empty: any
	State keyporter.AppState // empty: any
	Paging
}

// AppPage is a page of a list of apps, latest first.
type AppPage struct {
	Apps []ListedApp
	Cursors

	// How many apps match: in the selected state, in any, and in each of these.
	Selected, All, Active, Suspended, Quarantined Total
}

// ListApps returns a page of up to MaxPage apps that the actor may see (see App), and how many there are.
func (c *Control) ListApps(ctx context.Context, actor keyporter.Actor, l AppList) (p AppPage, err error) {
	find, err := c.visibleApps(ctx, actor)
	if err != nil {
		return p, err
	}
	if !slices.Contains([]keyporter.AppState{"", keyporter.AppActive, keyporter.AppSuspended, keyporter.AppQuarantined}, l.State) {
		return p, keyporter.InvalidField("state", "Apps have no such state.")
	}
	find.State, find.Match = l.State, searched(l.Match)
	place := func(a keyporter.App) store.Place { return store.Place{ID: a.ID} }
	apps, cursors, err := paged("apps", l.Paging, place, func(page store.Page) ([]keyporter.App, error) { return c.db.Apps(ctx, find, page) })
	if err != nil {
		return p, err
	}
	n, err := c.db.CountListedApps(ctx, find)
	if err != nil {
		return p, err
	}
	p.Cursors, p.Selected, p.All, p.Active, p.Suspended, p.Quarantined = cursors, Total(n.Selected), Total(n.All), Total(n.Active), Total(n.Suspended), Total(n.Quarantined)
	organizations, err := c.organizationsOf(ctx, apps...)
	for _, a := range apps {
		p.Apps = append(p.Apps, ListedApp{App: a, Organization: organizations[a.OrganizationID]})
	}
	return p, err
}

// responsible returns who may be responsible for the apps that the actor sees: a credential that
// can't register apps doesn't see those of its owner.
func responsible(a authority, actor keyporter.Actor) keyporter.ID {
	if !actor.Can(keyporter.PermissionRegisterApps) {
		return ""
	}
	return a.user.ID
}

// organizationsOf returns the names of the organizations that apps belong to.
func (c *Control) organizationsOf(ctx context.Context, apps ...keyporter.App) (map[keyporter.ID]string, error) {
	return c.db.OrganizationNames(ctx, idsOf(apps, func(a keyporter.App) keyporter.ID { return a.OrganizationID }))
}
