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

// RegisterApp adds an app. Operators add apps of the instance and of organizations, users
// with apps.register add apps of their own organization, and become responsible for
// them. What the app is called is its owner's to say; that it is Verified, or needs no
// PKCE, only operators say. ID, State, Dynamic, Version and times of a are ignored.
func (c *Control) RegisterApp(ctx context.Context, actor keyporter.Actor, a keyporter.App) (keyporter.App, error) {
	now := c.now()
	a.ID, a.CreatedAt, a.ImageAt, a.Version = keyporter.NewID(now), now, time.Time{}, 1
	a.State, a.Barred, a.Dynamic = keyporter.AppActive, false, false
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		operator, err := mayRegister(ctx, tx, actor, a.OrganizationID)
		if err != nil {
			return err
		}
		if err := c.cleanApp(&a, keyporter.App{}, operator); err != nil {
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

// mayRegister wants the actor to be allowed to add apps of an organization, or with none
// of the instance, and tells whether they are an operator.
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
		return false, operatorsOnly()
	default:
		_, err = may(ctx, q, actor, organization, keyporter.PermissionRegisterApps)
		return false, err
	}
}

// UpdateApp changes what can be changed of the app with a.ID. When the app is not at
// a.Version any more, it is a Conflict and nothing is changed. Organization, state, image
// and whether it registered itself stay as they are. When somebody other than an operator
// changes what people know the app by, it isn't Verified any more.
func (c *Control) UpdateApp(ctx context.Context, actor keyporter.Actor, a keyporter.App) (keyporter.App, error) {
	err := c.changeApp(ctx, actor, a.ID, func(tx *store.Tx, before keyporter.App, over appAuthority) (keyporter.Event, error) {
		if before.Version != a.Version {
			return keyporter.Event{}, appChanged()
		}
		a.OrganizationID, a.State, a.Barred, a.Dynamic = before.OrganizationID, before.State, before.Barred, before.Dynamic
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

// appAuthority is what an actor may do with an app. Each includes those before it.
type appAuthority struct {
	meets    bool // they come across it where apps are shown to everybody
	sees     bool // all of it
	manages  bool
	operates bool // they run the instance
}

// authorityOver returns what the actor may do with an app. Its people may change it, wherever
// they belong; so may operators, and in the app's organization whoever changes the settings
// of that. The others there who register apps see it.
func authorityOver(ctx context.Context, q reader, actor keyporter.Actor, app keyporter.App) (appAuthority, error) {
	a, err := authorityIn(ctx, q, actor, actor.User.OrganizationID)
	if err != nil {
		return appAuthority{}, err
	}
	if a.operates {
		return appAuthority{meets: true, sees: true, manages: true, operates: true}, nil
	}
	people, err := q.AppPeople(ctx, app.ID)
	own := app.OrganizationID == a.user.OrganizationID
	responsible := slices.Contains(people, a.user.ID) && actor.Can(keyporter.PermissionRegisterApps)
	manages := responsible || own && a.holds(keyporter.PermissionManageOrganization)
	sees := manages || own && a.holds(keyporter.PermissionRegisterApps)
	return appAuthority{manages: manages, sees: sees, meets: sees || own || app.OrganizationID == ""}, err
}

// appChange makes a change to an app that the actor may change. Without a name in the
// event nothing changed and none is written.
type appChange func(*store.Tx, keyporter.App, appAuthority) (keyporter.Event, error)

// changeApp makes one change to an app that the actor may change, while nobody else changes it.
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

// appChanges writes down what differs between two states of an app, as it is after, and
// tells whether anything does.
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
