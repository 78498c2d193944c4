package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// AddAppSecret adds a secret to an app and returns it, the only time it is ever shown. An
// app has at most two, so that one can replace the other. It requires a fresh sign-in.
func (c *Control) AddAppSecret(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (keyporter.AppCredential, keyporter.Secret, error) {
	if err := c.mustBeFresh(actor); err != nil {
		return keyporter.AppCredential{}, keyporter.Secret{}, err
	}
	secret, now := keyporter.NewSecret(keyporter.SecretApp), c.now()
	s := keyporter.AppCredential{ID: keyporter.NewID(now), AppID: id, First: secret.First(), Last: secret.Last(), CreatedAt: now}
	err := c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, _ appAuthority) (keyporter.Event, error) {
		if a.Authentication != keyporter.AppSecret {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "This app proves its identity without a secret.")
		}
		err := tx.InsertAppSecret(ctx, s, secret.Hash())
		if keyporter.KindOf(err) == keyporter.NotFound {
			err = keyporter.Refuse(keyporter.Conflict, "An app can have only two secrets. Delete the one you no longer use.")
		}
		return c.secretEvent(keyporter.EventAppSecretAdd, actor, a, s.ID), err
	})
	if err != nil {
		return keyporter.AppCredential{}, keyporter.Secret{}, err
	}
	return s, secret, nil
}

// DeleteAppSecret deletes a secret of an app. From then on, the token endpoint refuses it.
func (c *Control) DeleteAppSecret(ctx context.Context, actor keyporter.Actor, app, id keyporter.ID) error {
	return c.changeApp(ctx, actor, app, func(tx *store.Tx, a keyporter.App, _ appAuthority) (keyporter.Event, error) {
		return c.secretEvent(keyporter.EventAppSecretDelete, actor, a, id), missing(tx.DeleteAppSecret(ctx, app, id), "secret")
	})
}

func (c *Control) secretEvent(name keyporter.EventName, actor keyporter.Actor, a keyporter.App, secret keyporter.ID) keyporter.Event {
	e := c.appEvent(name, actor, a)
	e.Detail["secret"] = string(secret)
	return e
}
