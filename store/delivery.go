package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Delivery is a webhook to deliver to the publisher of an app.
type Delivery struct {
	ID        keyporter.ID // the webhook-id header, the same for each attempt
	AppID     keyporter.ID
	Body      string // JSON
	Attempts  int    // failed ones
	CreatedAt time.Time
	To        string // address; empty: the app no longer has one
	Secret    []byte // of the app's webhook, sealed
}

// InsertDelivery puts a webhook into the outbox. It can be sent once the transaction is committed.
func (tx *Tx) InsertDelivery(ctx context.Context, d Delivery) error {
	_, err := tx.exec(ctx, `
		INSERT INTO deliveries (id, app_id, body, attempts, next_at, created_at) VALUES ($1, $2, $3, 0, $4, $4)`,
		d.ID, d.AppID, d.Body, millis(d.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert delivery: %w", explain(err))
	}
	return nil
}

// DueReceivers returns the apps that have deliveries due at now. It looks at each app in the outbox once,
// however many deliveries the app has.
func (q queries) DueReceivers(ctx context.Context, now time.Time) ([]keyporter.ID, error) {
	all, err := list(ctx, q.q, scanString[keyporter.ID], `
		WITH RECURSIVE receivers (app_id) AS (
			SELECT min(app_id) FROM deliveries
			UNION ALL
			SELECT (SELECT min(d.app_id) FROM deliveries d WHERE d.app_id > receivers.app_id) FROM receivers WHERE app_id IS NOT NULL
		)
		SELECT app_id FROM receivers
		WHERE app_id IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries d WHERE d.app_id = receivers.app_id AND d.next_at <= $1)
		ORDER BY app_id`, millis(now))
	if err != nil {
		return nil, fmt.Errorf("list receivers of webhooks: %w", err)
	}
	return all, nil
}

// DueDeliveries returns the deliveries to an app that are due at now, longest due first.
func (q queries) DueDeliveries(ctx context.Context, app keyporter.ID, now time.Time, limit int) ([]Delivery, error) {
	scan := func(row scanner) (d Delivery, err error) {
		var created int64
		err = row.Scan(&d.ID, &d.AppID, &d.Body, &d.Attempts, &created, &d.To, &d.Secret)
		d.CreatedAt = fromMillis(created)
		return d, err
	}
	all, err := list(ctx, q.q, scan, `
		SELECT d.id, d.app_id, d.body, d.attempts, d.created_at, a.webhook, a.webhook_secret
		FROM deliveries d JOIN apps a ON a.id = d.app_id
		WHERE d.app_id = $1 AND d.next_at <= $2 ORDER BY d.next_at, d.id LIMIT $3`, app, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

// ClaimDelivery counts an attempt and postpones the next one to next. If another node already
// did so, the error is NotFound, and that node delivers.
func (tx *Tx) ClaimDelivery(ctx context.Context, d Delivery, next time.Time) error {
	return tx.execOrNotFound(ctx, `UPDATE deliveries SET attempts = attempts + 1, next_at = $3 WHERE id = $1 AND attempts = $2`, d.ID, d.Attempts, millis(next))
}

// DeleteDelivery removes a webhook from the outbox, because it was sent or nobody wants it
// anymore.
func (tx *Tx) DeleteDelivery(ctx context.Context, id keyporter.ID) error {
	_, err := tx.exec(ctx, `DELETE FROM deliveries WHERE id = $1`, id)
	return explain(err)
}

// SetWebhookSecret stores the sealed secret that signs an app's webhooks.
func (tx *Tx) SetWebhookSecret(ctx context.Context, app keyporter.ID, sealed []byte) error {
	return tx.execOrNotFound(ctx, `UPDATE apps SET webhook_secret = $2 WHERE id = $1`, app, sealed)
}

// HasWebhookSecret reports whether an app's webhook has a secret.
func (q queries) HasWebhookSecret(ctx context.Context, app keyporter.ID) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM apps WHERE id = $1 AND webhook_secret IS NOT NULL`, app)
	return n > 0, err
}
