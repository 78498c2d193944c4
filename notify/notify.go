// Package notify sends webhooks: it lets other programs know what has happened.
//
// It owns the outbox, the sender that empties it, the signatures of webhooks, and the guard on
// addresses that tenants choose. Package control adds to the outbox in the same transaction as
// the change. Package server runs the sender.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

const (
	sendEvery = 5 * time.Second
	sendBatch = 20
)

// retryAfter returns the waiting times between attempts. They add up to about two days; then
// the sender gives up.
func retryAfter() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	}
}

// Sender sends the webhooks in the outbox. It is safe for concurrent use, and any number of
// nodes can run one.
type Sender struct {
	db     *store.DB
	sealer *seal.Sealer
	now    func() time.Time
	client *http.Client
	log    *slog.Logger
}

// Options configure a Sender. The zero value works, but sends nothing.
type Options struct {
	// Sealer opens the secrets of webhooks. Without one, nothing is sent.
	Sealer *seal.Sealer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Client calls webhooks; nil is a GuardedClient for public addresses.
	Client *http.Client
	// Log gets failures; nil drops them.
	Log *slog.Logger
}

// NewSender returns a Sender for the outbox in db.
func NewSender(db *store.DB, o Options) *Sender {
	s := &Sender{db: db, sealer: o.Sealer, now: o.Now, client: o.Client, log: o.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.client == nil {
		s.client = GuardedClient(Public)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Run sends what is due, every few seconds, until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		if err := s.Send(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("can't look for webhooks to call", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Send makes one attempt at each delivery that is due, up to 20 of them. It doesn't return
// failed attempts as errors, since it tries those again later.
func (s *Sender) Send(ctx context.Context) error {
	due, err := s.db.DueDeliveries(ctx, s.now(), sendBatch)
	if err != nil {
		return err
	}
	// In parallel, because a slow receiver must not delay the others.
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i, d := range due {
		all.Go(func() { errs[i] = s.attempt(ctx, d) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *Sender) attempt(ctx context.Context, d store.Delivery) error {
	waits := retryAfter()
	if d.To == "" || d.Secret == nil || d.Attempts >= len(waits) {
		if d.Attempts >= len(waits) {
			s.log.Warn("gave up on a webhook", "app", d.AppID, "delivery", d.ID)
		}
		return s.delete(ctx, d)
	}
	// Claim it before sending, so that two nodes that find it at the same moment don't both send it.
	err := s.db.Do(ctx, func(tx *store.Tx) error { return tx.ClaimDelivery(ctx, d, s.now().Add(waits[d.Attempts])) })
	if keyporter.KindOf(err) == keyporter.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.post(ctx, d); err != nil {
		s.log.Info("a webhook failed and will be retried", "app", d.AppID, "delivery", d.ID, "attempts", d.Attempts+1, "error", err)
		return nil
	}
	return s.delete(ctx, d)
}

func (s *Sender) delete(ctx context.Context, d store.Delivery) error {
	return s.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteDelivery(ctx, d.ID) })
}
