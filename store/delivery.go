package store

import (
	"context"
	"fmt"
	"time"

	"github.com/keyporter/keyporter"
)

// Delivery is something that the publisher of an app is to be told.
type Delivery struct {
	ID        keyporter.ID // on the wire webhook-id: the same at each attempt
	AppID     keyporter.ID
	Body      string // JSON
	Attempts  int    // that failed
	CreatedAt time.Time
	To        string // address; empty: the app has none any more
	Secret    []byte // of the webhook, sealed
}

// InsertDelivery writes down what is to be told. It is told when the transaction is committed, not before.
func (tx *Tx) InsertDelivery(ctx context.Context, d Delivery) error {
	_, err := tx.exec(ctx, `
		INSERT INTO deliveries (id, app_id, body, attempts, next_at, created_at) VALUES ($1, $2, $3, 0, $4, $4)`,
		d.ID, d.AppID, d.Body, millis(d.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert delivery: %w", explain(err))
	}
	return nil
}

// DueDeliveries returns what is to be told by now, the longest due first.
func (q queries) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]Delivery, error) {
	scan := func(row scanner) (d Delivery, err error) {
		var created int64
		err = row.Scan(&d.ID, &d.AppID, &d.Body, &d.Attempts, &created, &d.To, &d.Secret)
		d.CreatedAt = fromMillis(created)
		return d, err
	}
	all, err := list(ctx, q.q, scan, `
		SELECT d.id, d.app_id, d.body, d.attempts, d.created_at, a.webhook, a.webhook_secret
		FROM deliveries d JOIN apps a ON a.id = d.app_id
		WHERE d.next_at <= $1 ORDER BY d.next_at, d.id LIMIT $2`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

// ClaimDelivery counts an attempt and puts the next one off until then, unless another node
// did so: then it is NotFound, and that one delivers.
func (tx *Tx) ClaimDelivery(ctx context.Context, d Delivery, next time.Time) error {
	return tx.must(ctx, `UPDATE deliveries SET attempts = attempts + 1, next_at = $3 WHERE id = $1 AND attempts = $2`, d.ID, d.Attempts, millis(next))
}

// DeleteDelivery forgets what was told, or what nobody wants to hear any more.
func (tx *Tx) DeleteDelivery(ctx context.Context, id keyporter.ID) error {
	_, err := tx.exec(ctx, `DELETE FROM deliveries WHERE id = $1`, id)
	return explain(err)
}

// SetWebhookSecret keeps the sealed secret with which an app's webhook is signed.
func (tx *Tx) SetWebhookSecret(ctx context.Context, app keyporter.ID, sealed []byte) error {
	return tx.must(ctx, `UPDATE apps SET webhook_secret = $2 WHERE id = $1`, app, sealed)
}

// HasWebhookSecret tells whether an app's webhook has a secret.
func (q queries) HasWebhookSecret(ctx context.Context, app keyporter.ID) (bool, error) {
	n, err := one(ctx, q.q, scanInt, `SELECT count(*) FROM apps WHERE id = $1 AND webhook_secret IS NOT NULL`, app)
	return n > 0, err
}
