package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/notify"
	"github.com/keyporter/keyporter/store"
)

// SetWebhookSecret makes a new secret that signs an app's webhooks and returns it, the only
// time it is ever shown. The previous one ends. It requires a fresh sign-in.
func (c *Control) SetWebhookSecret(ctx context.Context, actor keyporter.Actor, id keyporter.ID) (string, error) {
	if err := c.mustBeFresh(actor); err != nil {
		return "", err
	}
	if err := c.requireLastingKey(); err != nil {
		return "", err
	}
	secret, sealed := notify.NewWebhookSecret(c.sealer, id)
	err := c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, _ appAuthority) (keyporter.Event, error) {
		if a.Webhook == "" {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "This app has no webhook. Enter its address first.")
		}
		e := c.appEvent(keyporter.EventAppUpdate, actor, a)
		e.Detail["webhook_secret"] = "new"
		return e, tx.SetWebhookSecret(ctx, id, sealed)
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}
