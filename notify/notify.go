// Package notify sends webhooks: it lets other programs know what has happened.
//
// It owns the outbox, the sender that empties it, the signatures of webhooks, and the guard on
// addresses that tenants choose. Package control adds to the outbox in the same transaction as
// the change. Package server runs the sender.
package notify

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

const (
	sendEvery    = 5 * time.Second
	maxReceivers = 64 // that are called at the same time
	maxCalls     = 8  // of one receiver at the same time
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

	mu    sync.Mutex
	busy  map[keyporter.ID]bool // receivers that are being called
	last  keyporter.ID          // whose turn it was last
	freed chan struct{}         // receives a value when a receiver's turn has ended
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
	s := &Sender{db: db, sealer: o.Sealer, now: o.Now, client: o.Client, log: o.Log, busy: map[keyporter.ID]bool{}, freed: make(chan struct{}, 1)}
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

// Run sends what is due, every few seconds, until ctx ends. A receiver that is slow or down holds up
// nobody else's webhooks.
func (s *Sender) Run(ctx context.Context) {
	var turns sync.WaitGroup
	defer turns.Wait()
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		waiting, err := s.begin(ctx, &turns)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("can't look for webhooks to call", "error", err)
		}
		freed := s.freed
		if !waiting {
			freed = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-freed:
		}
	}
}

// Send sends what is due, and returns when each receiver had a turn. It doesn't return failed attempts as
// errors, since they are repeated later.
func (s *Sender) Send(ctx context.Context) error {
	var turns sync.WaitGroup
	_, err := s.begin(ctx, &turns)
	turns.Wait()
	return err
}

// begin begins the turns of receivers that have something due, those first whose turn was the longest ago. It
// reports whether some have to wait until others are done.
func (s *Sender) begin(ctx context.Context, turns *sync.WaitGroup) (waiting bool, err error) {
	due, err := s.db.DueReceivers(ctx, s.now())
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, _ := slices.BinarySearch(due, s.last+"\x00")
	for _, app := range slices.Concat(due[next:], due[:next]) {
		switch {
		case s.busy[app]:
		case len(s.busy) == maxReceivers:
			return true, nil
		default:
			s.busy[app], s.last = true, app
			turns.Go(func() {
				s.turn(ctx, app)
				s.mu.Lock()
				delete(s.busy, app)
				s.mu.Unlock()
				select {
				case s.freed <- struct{}{}:
				default:
				}
			})
		}
	}
	return false, nil
}

// turn sends a receiver what is due, a few webhooks at a time, until nothing is due or none of them arrived:
// then the receiver is probably down, and others need the place.
func (s *Sender) turn(ctx context.Context, app keyporter.ID) {
	for arrived := true; arrived && ctx.Err() == nil; {
		due, err := s.db.DueDeliveries(ctx, app, s.now(), maxCalls)
		if err != nil {
			s.log.Warn("can't look for webhooks to call", "app", app, "error", err)
			return
		}
		var sent atomic.Bool
		var calls sync.WaitGroup
		for _, d := range due {
			calls.Go(func() {
				ok, err := s.attempt(ctx, d)
				if err != nil && ctx.Err() == nil {
					s.log.Warn("can't keep track of a webhook", "app", app, "delivery", d.ID, "error", err)
				}
				if ok {
					sent.Store(true)
				}
			})
		}
		calls.Wait()
		arrived = sent.Load()
	}
}

// attempt makes one attempt at a delivery, and reports whether it is done with.
func (s *Sender) attempt(ctx context.Context, d store.Delivery) (done bool, err error) {
	waits := retryAfter()
	if d.To == "" || d.Secret == nil || d.Attempts >= len(waits) {
		if d.Attempts >= len(waits) {
			s.log.Warn("gave up on a webhook", "app", d.AppID, "delivery", d.ID)
		}
		return true, s.delete(ctx, d)
	}
	// Claim it before sending, so that two nodes that find it at the same moment don't both send it.
	err = s.db.Do(ctx, func(tx *store.Tx) error { return tx.ClaimDelivery(ctx, d, s.now().Add(waits[d.Attempts])) })
	if keyporter.KindOf(err) == keyporter.NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if err := s.post(ctx, d); err != nil {
		s.log.Info("a webhook failed and will be retried", "app", d.AppID, "delivery", d.ID, "attempts", d.Attempts+1, "error", err)
		return false, nil
	}
	return true, s.delete(ctx, d)
}

func (s *Sender) delete(ctx context.Context, d store.Delivery) error {
	return s.db.Do(ctx, func(tx *store.Tx) error { return tx.DeleteDelivery(ctx, d.ID) })
}
