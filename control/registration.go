package control

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// Anybody can register an app, where that is on: so many from one address, and so many in all.
var (
	registrationLimit    = store.Limit{Burst: 10, Every: 10 * time.Minute}
	allRegistrationLimit = store.Limit{Burst: 200, Every: time.Minute}
)

// Registration is what an app gets that registered itself (RFC 7591 §3.2.1). Both secrets are seen this once.
type Registration struct {
	App    keyporter.App
	Secret keyporter.Secret // empty for an app that keeps none
	Token  string           // by which the app manages its registration (RFC 7592)
}

// RegisterDynamic registers an app that asks for it itself. It doesn't work until an
// operator has approved it: its name and its image could be anybody's.
func (c *Control) RegisterDynamic(ctx context.Context, actor keyporter.Actor, a keyporter.App) (Registration, error) {
	for what, limit := range map[string]store.Limit{"register " + network(actor.Address): registrationLimit, "register": allRegistrationLimit} {
		if err := c.db.Do(ctx, func(tx *store.Tx) error { return tx.Attempt(ctx, what, limit, c.now()) }); err != nil {
			return Registration{}, err
		}
	}
	if err := checkRegistered(&a); err != nil {
		return Registration{}, err
	}
	now := c.now()
	a.ID, a.CreatedAt, a.State, a.Dynamic = keyporter.NewID(now), now, keyporter.AppQuarantined, true
	out := Registration{App: a, Token: rand.Text() + rand.Text()}
	if a.Authentication == keyporter.AppSecret {
		out.Secret = keyporter.NewSecret(keyporter.SecretApp)
	}
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.InsertApp(ctx, a); err != nil {
			return err
		}
		if err := tx.SetAppRegistration(ctx, a.ID, keyporter.HashSecret(out.Token)); err != nil {
			return err
		}
		if a.Authentication == keyporter.AppSecret {
			s := out.Secret
			err := tx.InsertAppSecret(ctx, keyporter.AppCredential{ID: keyporter.NewID(now), AppID: a.ID, First: s.First(), Last: s.Last(), CreatedAt: now}, s.Hash())
			if err != nil {
				return err
			}
		}
		return tx.InsertEvent(ctx, c.registrationEvent(keyporter.EventAppCreate, actor, a))
	})
	return out, err
}

// Registered returns the app that a registration token is for. Any other is NotFound.
func (c *Control) Registered(ctx context.Context, id keyporter.ID, token string) (keyporter.App, error) {
	a, err := c.db.AppByRegistration(ctx, keyporter.ID(text(string(id), maxClientID)), keyporter.HashSecret(token))
	return a, missing(err, "app")
}

// UpdateDynamic changes what an app registered of itself. It has to be approved anew: what
// an operator approved was something else.
func (c *Control) UpdateDynamic(ctx context.Context, actor keyporter.Actor, was, a keyporter.App) (keyporter.App, error) {
	if err := checkRegistered(&a); err != nil {
		return a, err
	}
	if a.Authentication != was.Authentication {
		return a, keyporter.InvalidField("token_endpoint_auth_method", "It can't be changed. Register another app.")
	}
	a.ID, a.OrganizationID, a.CreatedAt, a.Dynamic, a.Webhook = was.ID, was.OrganizationID, was.CreatedAt, true, was.Webhook
	if a.State = keyporter.AppQuarantined; was.State == keyporter.AppSuspended {
		a.State = was.State // it doesn't get out of that by itself
	}
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateApp(ctx, a, was.Version); err != nil {
			return missing(err, "app")
		}
		return tx.InsertEvent(ctx, c.registrationEvent(keyporter.EventAppUpdate, actor, a))
	})
	return a, err
}

// DeleteDynamic deletes an app that registered itself, with all that it got.
func (c *Control) DeleteDynamic(ctx context.Context, actor keyporter.Actor, a keyporter.App) error {
	return c.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteApp(ctx, a.ID); err != nil {
			return missing(err, "app")
		}
		return tx.InsertEvent(ctx, c.registrationEvent(keyporter.EventAppDelete, actor, a))
	})
}

func (c *Control) registrationEvent(name keyporter.EventName, actor keyporter.Actor, a keyporter.App) keyporter.Event {
	e := c.event(name, actor)
	e.OrganizationID, e.AppID = a.OrganizationID, a.ID
	e.Detail = map[string]string{"name": a.Name, "by": "the app itself"}
	return e
}

const maxRegisteredURIs = 20

// checkRegistered checks what an app says of itself.
func checkRegistered(a *keyporter.App) error {
	var err error
	if a.Name, err = names.Parse("client_name", a.Name); err != nil {
		return err
	}
	if len(a.RedirectURIs) > maxRegisteredURIs {
		return keyporter.InvalidField("redirect_uris", "There are too many of them.")
	}
	for _, uri := range a.RedirectURIs {
		if err := keyporter.CheckRedirectURI(uri, a.Authentication == keyporter.AppPublic); err != nil {
			return err
		}
	}
	return keyporter.CheckHTTPS("client_uri", a.HomePage)
}
