package control

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// Credential is what calls are made with and counted by: an API token, the connection of
// a user with an app, or an app that acts for itself.
type Credential struct {
	ID             keyporter.ID
	OrganizationID keyporter.ID // empty: the app is of the whole instance
	OwnerID        keyporter.ID // of the token, or the user who lets the app act on their behalf
	Kind           keyporter.CredentialKind
	Name           string // of the token, or of the app
	Shown          string // how people tell the token's secret from others
	AppID          keyporter.ID
	Own            bool      // it is the actor's, or an app that acts for itself and that they are responsible for
	EndedAt        time.Time // when it was deleted or disconnected; zero: it is there
}

// Ended reports whether it was deleted or disconnected.
func (c Credential) Ended() bool { return !c.EndedAt.IsZero() }

// OfToken returns an API token as a credential.
func OfToken(t keyporter.Token) Credential {
	kind := keyporter.CredentialUserToken
	if t.Kind == keyporter.OrganizationToken {
		kind = keyporter.CredentialOrganizationToken
	}
	return Credential{ID: t.ID, OrganizationID: t.OrganizationID, OwnerID: t.OwnerID, Kind: kind, Name: t.Name, Shown: t.Shown()}
}

// Credential returns the token or connection with that ID if the actor may manage it: their
// own or, with the permission for it, those of their organization.
func (c *Control) Credential(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (Credential, error) {
	all, err := c.credentials(ctx, actor, id)
	t, ok := all[id]
	if err == nil && !ok {
		err = notFound("credential")
	}
	return t, hidden(err, "credential")
}

// credentials returns those of the tokens and connections with these IDs that the actor may
// manage.
func (c *Control) credentials(ctx context.Context, actor keyporter.Actor, ids ...keyporter.ID) (map[keyporter.ID]Credential, error) {
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	if err != nil {
		return nil, err
	}
	all := map[keyporter.ID]Credential{}
	add := func(t Credential, p keyporter.Permission) {
		if a.manages(actor, owned{"credential", t.OwnerID, t.OrganizationID}, p) {
			t.Own = actor.Is(t.OwnerID)
			all[t.ID] = t
		}
	}
	tokens, err := c.db.TokensByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		add(OfToken(t), manages(t.Kind))
	}
	connections, err := c.db.ConnectionsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	apps, err := c.db.AppsByID(ctx, idsOf(slices.Collect(maps.Values(connections)), func(c keyporter.Connection) keyporter.ID { return c.AppID }))
	for _, conn := range connections {
		// Whoever manages the tokens of an organization manages its connections too.
		add(Credential{
			ID: conn.ID, OrganizationID: conn.OrganizationID, OwnerID: conn.UserID,
			Kind: keyporter.CredentialAccessToken, Name: apps[conn.AppID].Name, AppID: conn.AppID,
		}, keyporter.PermissionManageTokens)
	}
	return all, err
}

// callers returns what credentials does, those of the apps with these IDs that the actor sees all of, and what of all these
// has ended but isn't forgotten. Calls of an app that acts for itself are the concern of those who look after it.
func (c *Control) callers(ctx context.Context, actor keyporter.Actor, ids ...keyporter.ID) (map[keyporter.ID]Credential, error) {
	all, err := c.credentials(ctx, actor, ids...)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id keyporter.ID) bool { return all[id].ID != "" })
	if len(ids) == 0 {
		return all, nil
	}
	a, err := authorityIn(ctx, c.db, actor, actor.User.OrganizationID)
	if err != nil {
		return nil, err
	}
	apps, err := c.db.AppsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	theirs, err := c.db.AppsOf(ctx, responsible(a, actor))
	if err != nil {
		return nil, err
	}
	for id, app := range apps {
		if mine := slices.Contains(theirs, id); a.over(app, mine).sees {
			all[id] = Credential{ID: id, OrganizationID: app.OrganizationID, Kind: keyporter.CredentialAppToken, Name: app.Name, AppID: id, Own: mine}
		}
	}
	return all, c.addEnded(ctx, a, actor, ids, all)
}

// addEnded adds those of the deleted tokens, connections, and apps with these IDs that the actor could see before.
func (c *Control) addEnded(ctx context.Context, a authority, actor keyporter.Actor, ids []keyporter.ID, all map[keyporter.ID]Credential) error {
	tokens, err := c.db.DeletedTokensByID(ctx, ids)
	if err != nil {
		return err
	}
	for id, t := range tokens {
		if a.manages(actor, owned{"credential", t.OwnerID, t.OrganizationID}, manages(t.Kind)) {
			ended := OfToken(t.Token)
			ended.Own, ended.EndedAt = actor.Is(t.OwnerID), t.DeletedAt
			all[id] = ended
		}
	}
	others, err := c.db.EndedCredentialsByID(ctx, ids)
	for id, e := range others {
		ended := Credential{ID: id, OrganizationID: e.OrganizationID, Kind: keyporter.CredentialAppToken, Name: e.Name, AppID: e.AppID, EndedAt: e.EndedAt}
		var sees bool
		if e.OfApp() {
			ended.Own = slices.Contains(e.UserIDs, responsible(a, actor))
			sees = a.over(keyporter.App{ID: e.AppID, OrganizationID: e.OrganizationID}, ended.Own).sees
		} else {
			ended.Kind, ended.OwnerID = keyporter.CredentialAccessToken, e.UserIDs[0]
			ended.Own = actor.Is(ended.OwnerID)
			sees = a.manages(actor, owned{"credential", ended.OwnerID, e.OrganizationID}, keyporter.PermissionManageTokens)
		}
		if sees {
			all[id] = ended
		}
	}
	return err
}
