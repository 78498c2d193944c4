// Package usage knows what credentials are used for: how many calls were made, by which clients,
// and which of them were refused.
//
// It owns the counts of this node until they are written, the batches they are written in,
// and reading both together: a page shows what is stored and what this node hasn't written
// yet as one. Counts from other nodes arrive with their batches, a few seconds later.
// Whether a call is allowed is up to package verify, and who may see the counts is up to
// package control.
package usage

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// flushEvery is how often counts are written; a crash loses at most one interval.
const flushEvery = 10 * time.Second

// Usage counts the calls that this node decides about. It is safe for concurrent use.
type Usage struct {
	db  *store.DB
	now func() time.Time

	mu     sync.Mutex
	dirty  map[keyporter.ID][]*Meter // those with counts that aren't written, by credential
	shared map[keyporter.ID]*Meter

	fresh    atomic.Int64 // callers that were first seen since the last flush
	maxFresh int64        // how many of them are kept apart

	flushing    chan struct{} // is full while someone writes
	moving      moving
	stepTimeout time.Duration
}

// New returns the usage of the credentials in db. now is the clock; nil means time.Now.
func New(db *store.DB, now func() time.Time) *Usage {
	if now == nil {
		now = time.Now
	}
	return &Usage{
		db: db, now: now, dirty: map[keyporter.ID][]*Meter{}, shared: map[keyporter.ID]*Meter{}, maxFresh: maxFresh,
		flushing: make(chan struct{}, 1), moving: newMoving(), stepTimeout: stepTimeout,
	}
}

// Run writes the counts every ten seconds until ctx ends. Flush writes what is left then.
func (u *Usage) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := u.Flush(ctx); err != nil && ctx.Err() == nil {
				log.Warn("can't write counts", "error", err)
			}
		}
	}
}

// Count counts one call, and keeps it for as long as it is among the last ones. What it returns is of no call unless the call
// waits for an answer.
func (u *Usage) Count(m *Meter, call *Call) Pending {
	c := m.last.Load()
	if c == nil || !c.made(call) {
		c = m.caller(call, u.mayKeepApart)
	}
	c.lastAt.Store(call.At.UnixMilli())
	if call.Refusal == nil {
		c.allowed.Add(1)
	} else {
		c.refused.Add(1)
		c.refusedAt.Store(call.At.UnixMilli())
		m.keep(call)
	}
	pending := m.keepCall(call, c)
	if c.gone.Load() {
		m.restore(c)
	}
	u.mark(m)
	return pending
}

// mayKeepApart reports whether one more caller can be kept apart until the next flush.
func (u *Usage) mayKeepApart() bool { return u.fresh.Add(1) <= u.maxFresh }

// mark puts the meter on the dirty list.
func (u *Usage) mark(m *Meter) {
	if !m.dirty.Load() && m.dirty.CompareAndSwap(false, true) {
		u.mu.Lock()
		u.dirty[m.Of.ID] = append(u.dirty[m.Of.ID], m)
		u.mu.Unlock()
	}
}

// SharedMeter returns the one meter of a credential for callers that can't keep it from call to
// call, for example while a node is deaf. A meter per call would fill the memory until they are
// written.
func (u *Usage) SharedMeter(of Credential) *Meter {
	u.mu.Lock()
	defer u.mu.Unlock()
	m := u.shared[of.ID]
	if m == nil {
		m = &Meter{Of: of}
		u.shared[of.ID] = m
	}
	return m
}

// forget forgets the shared meters that have nothing to write.
func (u *Usage) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.shared, func(_ keyporter.ID, m *Meter) bool { return !m.dirty.Load() })
}
