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
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
	dirty  map[keyporter.ID]*Meter // those with counts that aren't written, by credential; Meter.next has the others of it
	shared map[keyporter.ID]*Meter

	fresh    atomic.Int64 // callers that were first seen since the last flush
	maxFresh int64        // how many of them are kept apart

	// writing is held while a step's counts move from memory to the database, and shared by
	// whoever reads both: otherwise they would see those counts twice, or not at all.
	writing sync.RWMutex
}

// New returns the usage of the credentials in db. now is the clock; nil means time.Now.
func New(db *store.DB, now func() time.Time) *Usage {
	if now == nil {
		now = time.Now
	}
	return &Usage{db: db, now: now, dirty: map[keyporter.ID]*Meter{}, shared: map[keyporter.ID]*Meter{}, maxFresh: maxFresh}
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

// Count counts one call, and keeps it if it was refused.
func (u *Usage) Count(m *Meter, call *Call) {
	c := m.last.Load()
	if c == nil || !c.made(call) {
		c = m.caller(call, u.mayKeepApart)
	}
	c.lastAt.Store(call.At.UnixMilli())
	if call.Refusal == nil {
		c.allowed.Add(1)
	} else {
		c.refused.Add(1)
		m.keep(call)
	}
	u.mark(m)
}

// Counts are written in steps, so that whoever has many calls counted makes others wait for one
// step at most.
const (
	stepRows    = 100              // of a step; the last credential may exceed it
	stepTimeout = 10 * time.Second // what a step hasn't written by then is given back
)

// mayKeepApart reports whether one more caller can be kept apart until the next flush.
func (u *Usage) mayKeepApart() bool { return u.fresh.Add(1) <= u.maxFresh }

// Flush writes the counts and the refused calls that are in memory. If it can't, they stay
// there until the next time.
func (u *Usage) Flush(ctx context.Context) error {
	u.fresh.Store(0)
	u.mu.Lock()
	ids := slices.Sorted(maps.Keys(u.dirty)) // so that two nodes that write the same ones never deadlock
	u.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	for len(ids) > 0 {
		n, err := u.flushStep(ctx, ids)
		if err != nil {
			return fmt.Errorf("write counts: %w", err)
		}
		ids = ids[n:]
	}
	u.forget()
	return nil
}

// flushStep writes the counts of the first n credentials.
func (u *Usage) flushStep(ctx context.Context, ids []keyporter.ID) (n int, err error) {
	u.writing.Lock()
	defer u.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var all []taken
	var uses []store.Use
	var refusals []keyporter.RefusedCall
	for n < len(ids) && len(uses)+len(refusals) < stepRows {
		for _, t := range u.take(ids[n]) {
			all = append(all, t)
			uses = append(uses, t.uses()...)
			refusals = append(refusals, t.refused...)
		}
		n++
	}
	slices.SortStableFunc(refusals, func(a, b keyporter.RefusedCall) int { return a.At.Compare(b.At) })
	err = u.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.AddUses(ctx, uses); err != nil {
			return err
		}
		return tx.AddRefusals(ctx, refusals)
	})
	if err != nil {
		u.giveBack(all)
	}
	return n, err
}

// share waits for the step that is being written, if any, and keeps the next one from beginning
// until done is called. It returns an error if ctx ends first.
func (u *Usage) share(ctx context.Context) (done func(), err error) {
	if u.writing.TryRLock() {
		return u.writing.RUnlock, nil
	}
	shared := make(chan struct{})
	go func() {
		u.writing.RLock()
		close(shared)
	}()
	select {
	case <-shared:
		return u.writing.RUnlock, nil
	case <-ctx.Done():
		go func() {
			<-shared
			u.writing.RUnlock()
		}()
		return nil, fmt.Errorf("wait for counts to be written: %w", ctx.Err())
	}
}

// take empties the meters of a credential. A call counted meanwhile is taken now or next time.
func (u *Usage) take(id keyporter.ID) (all []taken) {
	u.mu.Lock()
	m := u.dirty[id]
	delete(u.dirty, id)
	u.mu.Unlock()
	for m != nil {
		next := m.next
		m.next = nil
		m.dirty.Store(false) // from here on a call puts it on the list again
		all = append(all, m.take())
		m = next
	}
	return all
}

func (u *Usage) giveBack(all []taken) {
	for _, t := range all {
		for _, n := range t.counts {
			n.caller.allowed.Add(n.allowed)
			n.caller.refused.Add(n.refused)
		}
		t.meter.keepAgain(t.refused)
		u.mark(t.meter)
	}
}

// mark puts the meter on the dirty list.
func (u *Usage) mark(m *Meter) {
	if !m.dirty.Load() && m.dirty.CompareAndSwap(false, true) {
		u.mu.Lock()
		m.next = u.dirty[m.Of.ID]
		u.dirty[m.Of.ID] = m
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
