package control

import (
	"context"

	"github.com/keyporter/keyporter"
)

// Credential is what calls are made with and counted by: an API token, or the connection of
// a user with an app.
type Credential struct {
	ID             keyporter.ID
	OrganizationID keyporter.ID
	OwnerID        keyporter.ID // of the token, or the user who lets the app act on their behalf
	Kind           keyporter.CredentialKind
	Name           string // of the token, or of the app
	Shown          string // how people tell the token's secret from others
	AppID          keyporter.ID
}

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
	t, err := c.Token(ctx, actor, id)
	if err == nil {
		return OfToken(t), nil
	}
	if keyporter.KindOf(err) != keyporter.NotFound {
		return Credential{}, err
	}
	conn, err := c.db.ConnectionByID(ctx, id)
	if err != nil {
		return Credential{}, missing(err, "credential")
	}
	// Whoever manages the tokens of an organization manages its connections too.
	if err := mayManage(ctx, c.db, actor, owned{"credential", conn.UserID, conn.OrganizationID}, keyporter.PermissionManageTokens); err != nil {
		return Credential{}, err
	}
	app, err := c.db.AppByID(ctx, conn.AppID)
	return Credential{
		ID: conn.ID, OrganizationID: conn.OrganizationID, OwnerID: conn.UserID, Kind: keyporter.CredentialAccessToken, Name: app.Name, AppID: app.ID,
	}, missing(err, "credential")
}
