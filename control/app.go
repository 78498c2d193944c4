package control

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// RegisterApp adds an app. Operators add apps of the instance and of organizations. Users
// with apps.register add apps of their own organization and become responsible for them. The
// app's owner chooses its name; only operators may set Verified or waive PKCE. ID, State,
// Dynamic, Version and the times of a are ignored.
func (c *Control) RegisterApp(ctx context.Context, actor keyporter.Actor, a keyporter.App) (keyporter.App, error) {
	now := c.now()
	a.ID, a.CreatedAt, a.ImageAt, a.Version = keyporter.NewID(now), now, time.Time{}, 1
	a.State, a.SuspendedByOperator, a.Dynamic = keyporter.AppActive, false, false
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		operator, err := mayRegister(ctx, tx, actor, a.OrganizationID)
		if err != nil {
			return err
		}
		if err := c.cleanApp(&a, keyporter.App{}, operator); err != nil {
			return err
		}
		if err := c.checkApps(ctx, tx, actor, a.OrganizationID); err != nil {
			return err
		}
		if err := tx.InsertApp(ctx, a); err != nil {
			return err
		}
		if !actor.Trusted() {
			if err := tx.SetAppPeople(ctx, a.ID, []keyporter.ID{actor.User.ID}); err != nil {
				return err
			}
		}
		e := c.appEvent(keyporter.EventAppCreate, actor, a)
		appChanges(e.Detail, a, keyporter.App{})
		return tx.InsertEvent(ctx, e)
	})
	return a, err
}

// mayRegister requires that the actor may add apps to an organization, or to the instance if
// organization is empty. It also returns whether they are an operator.
func mayRegister(ctx context.Context, q reader, actor keyporter.Actor, organization keyporter.ID) (operator bool, err error) {
	a, err := authorityOf(ctx, q, actor)
	switch {
	case err != nil:
		return false, err
	case a.operates && organization != "":
		_, err = q.OrganizationByID(ctx, organization)
		return true, missing(err, "organization")
	case a.operates:
		return true, nil
	case a.user.OrganizationID != organization:
		return false, keyporter.OperatorsOnly()
	default:
		_, err = may(ctx, q, actor, organization, keyporter.PermissionRegisterApps)
		return false, err
	}
}

// UpdateApp changes the settings of the app with a.ID. If the app is no longer at a.Version,
// it returns a Conflict and changes nothing. Organization, state, image and Dynamic stay as
// they are. If anyone but an operator changes what people recognize the app by, it is no
// longer Verified.
func (c *Control) UpdateApp(ctx context.Context, actor keyporter.Actor, a keyporter.App) (keyporter.App, error) {
	err := c.changeApp(ctx, actor, a.ID, func(tx *store.Tx, before keyporter.App, over appAuthority) (keyporter.Event, error) {
		if before.Version != a.Version {
			return keyporter.Event{}, appChanged()
		}
		a.OrganizationID, a.State, a.SuspendedByOperator, a.Dynamic = before.OrganizationID, before.State, before.SuspendedByOperator, before.Dynamic
		a.ImageAt, a.CreatedAt = before.ImageAt, before.CreatedAt
		if err := c.cleanApp(&a, before, over.operates); err != nil {
			return keyporter.Event{}, err
		}
		e := c.appEvent(keyporter.EventAppUpdate, actor, a)
		if !appChanges(e.Detail, a, before) {
			return keyporter.Event{}, nil
		}
		if a.Authentication != keyporter.AppSecret {
			if err := tx.DeleteAppSecrets(ctx, a.ID); err != nil {
				return keyporter.Event{}, err
			}
		}
		if err := tx.UpdateApp(ctx, a, a.Version); err != nil {
			return keyporter.Event{}, err
		}
		a.Version++
		return e, nil
	})
	return a, err
}

func appChanged() error {
	return keyporter.Refuse(keyporter.Conflict, "Someone else has changed this app in the meantime. Your changes weren’t saved. Review the current version and try again.")
}

// appAuthority is what an actor may do with an app. Each right includes the ones before it.
type appAuthority struct {
	canFind  bool // they come across it wherever apps are shown to everyone
	sees     bool // all of it
	manages  bool
	operates bool // they run the instance
}

// authorityOver returns what the actor may do with an app. The people responsible for it may
// change it, whichever organization they belong to; so may operators, and whoever may change
// the settings of the app's organization. Others in that organization who may register apps
// see it.
func authorityOver(ctx context.Context, q reader, actor keyporter.Actor, app keyporter.App) (appAuthority, error) {
	a, err := authorityIn(ctx, q, actor, actor.User.OrganizationID)
	if err != nil {
		return appAuthority{}, err
	}
	if a.operates {
		return a.over(app, false), nil
	}
	people, err := q.AppPeople(ctx, app.ID)
	return a.over(app, slices.Contains(people, responsible(a, actor))), err
}

// over returns what the actor may do with an app, whether or not they are responsible for it.
func (a *authority) over(app keyporter.App, responsible bool) appAuthority {
	own := app.OrganizationID == a.user.OrganizationID
	manages := a.operates || responsible || own && a.holds(keyporter.PermissionManageOrganization)
	sees := manages || own && a.holds(keyporter.PermissionRegisterApps)
	return appAuthority{operates: a.operates, manages: manages, sees: sees, canFind: sees || own || app.OrganizationID == ""}
}

// appChange makes a change to an app that the actor may change. It returns an event without
// a name if nothing changed; no event is written then.
type appChange func(*store.Tx, keyporter.App, appAuthority) (keyporter.Event, error)

// changeApp makes one change to an app that the actor may change, and keeps others from
// changing it at the same time.
func (c *Control) changeApp(ctx context.Context, actor keyporter.Actor, id keyporter.ID, change appChange) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		a, err := tx.LockApp(ctx, id)
		if err != nil {
			return missing(err, "app")
		}
		over, err := authorityOver(ctx, tx, actor, a)
		switch {
		case err != nil:
			return err
		case !over.sees:
			return notFound("app")
		case !over.manages:
			return keyporter.Refuse(keyporter.Forbidden, "Only those responsible for this app may change it.")
		}
		e, err := change(tx, a, over)
		if err != nil || e.Name == "" {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
}

func (c *Control) appEvent(name keyporter.EventName, actor keyporter.Actor, a keyporter.App) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.AppID = a.OrganizationID, a.ID
	e.Detail = map[string]string{"name": a.Name}
	return e
}

// appChanges adds to detail what differs between two states of an app, with the new values,
// and reports whether anything does.
func appChanges(detail map[string]string, after, before keyporter.App) bool {
	changed := false
	for _, f := range []struct{ name, after, before string }{
		{"name", after.Name, before.Name},
		{"description", after.Description, before.Description},
		{"publisher", after.Publisher, before.Publisher},
		{"home_page", after.HomePage, before.HomePage},
		{"verified", strconv.FormatBool(after.Verified), strconv.FormatBool(before.Verified)},
		{"authentication", string(after.Authentication), string(before.Authentication)},
		{"keys", after.Keys, before.Keys},
		{"redirect_uris", strings.Join(after.RedirectURIs, " "), strings.Join(before.RedirectURIs, " ")},
		{"scopes", scopeWords(after.Scopes), scopeWords(before.Scopes)},
		{"device", strconv.FormatBool(after.Device), strconv.FormatBool(before.Device)},
		{"own_tokens", strconv.FormatBool(after.OwnTokens), strconv.FormatBool(before.OwnTokens)},
		{"without_pkce", strconv.FormatBool(after.WithoutPKCE), strconv.FormatBool(before.WithoutPKCE)},
		{"es256", strconv.FormatBool(after.ES256), strconv.FormatBool(before.ES256)},
		{"jwt", strconv.FormatBool(after.JWT), strconv.FormatBool(before.JWT)},
		{"introspects", strconv.FormatBool(after.Introspects), strconv.FormatBool(before.Introspects)},
		{"webhook", after.Webhook, before.Webhook},
	} {
		if f.after != f.before {
			detail[f.name], changed = f.after, true
		}
	}
	if before.Name != "" && before.Name != after.Name {
		detail["before"] = before.Name
	}
	return changed
}

func scopeWords(scopes []keyporter.AppScope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = s.Name
		if s.Optional {
			texts[i] += " (optional)"
		}
	}
	return strings.Join(texts, " ")
}
