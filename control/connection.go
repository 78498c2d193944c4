package control

import (
	"context"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/notify"
	"github.com/keyporter/keyporter/store"
)

// ConnectionWithUse is a connection, the app and user it belongs to, and how it was used.
type ConnectionWithUse struct {
	keyporter.Connection
	App  keyporter.App
	User keyporter.User // who made the connection
	Use  keyporter.TokenUse

	WhyNot string // why nothing the app does works now, in a sentence; empty: app and organization don't prevent it
}

// ConnectionList selects connections.
type ConnectionList struct {
	Everyone bool   // of all users of the actor's organization; false: the actor's own
	Match    string // part of the app's name or, with Everyone, of the user's login; empty: any
	Paging
}

// ConnectionPage is a page of a list of connections, latest first.
type ConnectionPage struct {
	Connections []ConnectionWithUse
	Total       Total
	Cursors
}

// ListConnections returns a page of up to MaxPage connections, and how many there are. Users list their own in person.
// Those of everyone take tokens.manage: a user who lets an app act on their behalf gives it a credential of theirs, just
// like an API token, so whoever manages the tokens manages the connections too.
func (c *Control) ListConnections(ctx context.Context, actor keyporter.Actor, l ConnectionList) (p ConnectionPage, err error) {
	find := store.ConnectionList{Match: searched(l.Match)}
	if l.Everyone {
		find.OrganizationID = actor.User.OrganizationID
		_, err = may(ctx, c.db, actor, find.OrganizationID, keyporter.PermissionManageTokens)
	} else {
		find.UserID = actor.User.ID
		_, err = signedIn(ctx, c.db, actor)
	}
	if err != nil {
		return p, err
	}
	place := func(c keyporter.Connection) store.Place { return store.Place{ID: c.ID} }
	all, cursors, err := paged("connections", l.Paging, place, func(page store.Page) ([]keyporter.Connection, error) {
		return c.db.Connections(ctx, find, page)
	})
	if err != nil {
		return p, err
	}
	n, err := c.db.CountListedConnections(ctx, find)
	if err != nil {
		return p, err
	}
	p.Total, p.Cursors = Total(n), cursors
	p.Connections, err = c.withUses(ctx, actor.User.OrganizationID, all...)
	return p, err
}

// withUses adds to connections of one organization's users what ConnectionWithUse has.
func (c *Control) withUses(ctx context.Context, organization keyporter.ID, connections ...keyporter.Connection) ([]ConnectionWithUse, error) {
	apps, err := c.db.AppsByID(ctx, idsOf(connections, func(c keyporter.Connection) keyporter.ID { return c.AppID }))
	if err != nil {
		return nil, err
	}
	users, err := c.db.UsersByID(ctx, idsOf(connections, func(c keyporter.Connection) keyporter.ID { return c.UserID }))
	if err != nil {
		return nil, err
	}
	uses, err := c.usage.OfAll(ctx, idsOf(connections, func(c keyporter.Connection) keyporter.ID { return c.ID }))
	if err != nil {
		return nil, err
	}
	policy, listed, err := c.db.AppPolicyOf(ctx, organization)
	var all []ConnectionWithUse
	for _, conn := range connections {
		if app, ok := apps[conn.AppID]; ok { // otherwise it was deleted meanwhile, and its connections with it
			all = append(all, ConnectionWithUse{
				Connection: conn, App: app, User: users[conn.UserID], Use: uses[conn.ID],
				WhyNot: whyAppStopped(app, policy, listed),
			})
		}
	}
	return all, err
}

// whyAppStopped returns why an app doesn't work for the users of an organization with this
// policy, in a sentence. It is empty if the app works.
func whyAppStopped(a keyporter.App, policy keyporter.AppPolicy, listed []keyporter.ID) string {
	switch {
	case a.State != keyporter.AppActive:
		return "This app is suspended. All of its calls are refused."
	case policy == keyporter.NoApps:
		return "The organization doesn’t allow apps. All of its calls are refused."
	case policy == keyporter.ListedApps && !slices.Contains(listed, a.ID):
		return "The organization doesn’t allow this app. All of its calls are refused."
	}
	return ""
}

// Connection returns a connection that the actor may end.
func (c *Control) Connection(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (ConnectionWithUse, error) {
	conn, err := c.db.ConnectionByID(ctx, id)
	if err == nil {
		err = mayEnd(ctx, c.db, actor, conn)
	}
	if err != nil {
		return ConnectionWithUse{}, missing(err, "connection")
	}
	all, err := c.withUses(ctx, conn.OrganizationID, conn)
	if err == nil && len(all) == 0 {
		err = notFound("connection")
	}
	if err != nil {
		return ConnectionWithUse{}, err
	}
	return all[0], nil
}

// mayEnd lets users end their own connections, and lets whoever manages an organization's
// tokens end those of its users.
func mayEnd(ctx context.Context, q reader, actor keyporter.Actor, conn keyporter.Connection) error {
	return mayManage(ctx, q, actor, owned{"connection", conn.UserID, conn.OrganizationID}, keyporter.PermissionManageTokens)
}

// Disconnect ends a connection: its codes, access tokens and refresh tokens stop working
// with the next request. An API that validates JWT access tokens by itself accepts them
// until they expire.
func (c *Control) Disconnect(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeConnection(ctx, actor, id, func(tx *store.Tx, conn keyporter.Connection) (keyporter.Event, error) {
		return c.disconnect(ctx, tx, actor, conn)
	})
}

func (c *Control) disconnect(ctx context.Context, tx *store.Tx, actor keyporter.Actor, conn keyporter.Connection) (keyporter.Event, error) {
	a, err := tx.AppByID(ctx, conn.AppID)
	if err != nil {
		return keyporter.Event{}, err
	}
	e := c.connectionEvent(keyporter.EventConnectionDelete, actor, conn)
	e.Detail = map[string]string{"app": a.Name, "scopes": strings.Join(conn.Scopes, " ")}
	if err := notify.ConnectionEnded(ctx, tx, a, conn, c.now()); err != nil {
		return e, err
	}
	return e, tx.DeleteConnection(ctx, conn.ID, c.now())
}

// RemoveScope removes one scope from a connection, effective with the next call. Removing
// the last one ends the connection. Removing one that the connection doesn't have is no
// error.
func (c *Control) RemoveScope(ctx context.Context, actor keyporter.Actor, id keyporter.ID, scope string) error {
	return c.changeConnection(ctx, actor, id, func(tx *store.Tx, conn keyporter.Connection) (keyporter.Event, error) {
		left := slices.DeleteFunc(slices.Clone(conn.Scopes), func(s string) bool { return s == scope })
		switch len(left) {
		case len(conn.Scopes):
			return keyporter.Event{}, nil
		case 0:
			return c.disconnect(ctx, tx, actor, conn)
		}
		e := c.connectionEvent(keyporter.EventConnectionScopes, actor, conn)
		e.Detail = map[string]string{"scopes": strings.Join(left, " "), "removed": scope}
		return e, tx.SetConnectionScopes(ctx, id, left)
	})
}

// changeConnection makes one change to a connection that the actor may end, and keeps others
// from changing it at the same time. If change returns an event without a name, nothing
// changed and no event is written.
func (c *Control) changeConnection(ctx context.Context, actor keyporter.Actor, id keyporter.ID, change func(*store.Tx, keyporter.Connection) (keyporter.Event, error)) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		conn, err := tx.LockConnection(ctx, id)
		if err == nil {
			err = mayEnd(ctx, tx, actor, conn)
		}
		if err != nil {
			return missing(err, "connection")
		}
		e, err := change(tx, conn)
		if err != nil || e.Name == "" {
			return err
		}
		return tx.InsertEvent(ctx, e)
	})
}

func (c *Control) connectionEvent(name keyporter.EventName, actor keyporter.Actor, conn keyporter.Connection) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.UserID, e.AppID, e.ConnectionID = conn.OrganizationID, conn.UserID, conn.AppID, conn.ID
	return e
}
