package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// Counts are written in steps, so that whoever has many calls counted makes others wait for one
// step at most.
const (
	stepRows    = 100              // of a step; the last credential may exceed it
	stepTimeout = 10 * time.Second // what a step hasn't written by then stays in memory
)

// The database may refuse a step because of what others write at the same time, such as a deletion.
const (
	maxFailed  = 3 // steps that fail before a flush stops: the database is probably gone
	maxRetries = 2 // of the steps that failed, after those that didn't
	retryPause = 200 * time.Millisecond
)

// Flush writes the counts and the refused calls that are in memory. What it can't write stays there
// until the next time.
func (u *Usage) Flush(ctx context.Context) error {
	select {
	case u.flushing <- struct{}{}:
		defer func() { <-u.flushing }()
	case <-ctx.Done():
		return fmt.Errorf("wait for counts to be written: %w", ctx.Err())
	}
	u.fresh.Store(0)
	u.mu.Lock()
	ids := slices.Sorted(maps.Keys(u.dirty)) // so that the steps of two nodes rarely meet
	u.mu.Unlock()
	failed, err := u.flushSteps(ctx, ids)
	for retry := 0; err != nil && retry < maxRetries && len(failed) < len(ids) && pause(ctx); retry++ {
		failed, err = u.flushSteps(ctx, failed)
	}
	u.forget()
	if err != nil {
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

// pause waits for a random time, so that two nodes that got into each other's way don't do so again.
// It reports whether ctx goes on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryPause/2 + rand.N(retryPause)): //nolint:gosec // nobody gains from guessing it
		return true
	case <-ctx.Done():
		return false
	}
}

// flushSteps writes the counts of these credentials, and returns those whose step failed.
func (u *Usage) flushSteps(ctx context.Context, ids []keyporter.ID) (failed []keyporter.ID, err error) {
	for failures := 0; len(ids) > 0; {
		n, stepErr := u.flushStep(ctx, ids)
		if stepErr != nil {
			failed, err = append(failed, ids[:n]...), errors.Join(err, stepErr)
			if failures++; failures == maxFailed || ctx.Err() != nil {
				return append(failed, ids[n:]...), err
			}
		}
		ids = ids[n:]
	}
	return failed, err
}

// flushStep writes the counts of the first n credentials. Until they are committed, they stay in memory, too.
func (u *Usage) flushStep(ctx context.Context, ids []keyporter.ID) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, u.stepTimeout)
	defer cancel()
	var all []snapshot
	for rows := 0; n < len(ids) && rows < stepRows; n++ {
		for _, s := range u.lookAt(ids[n : n+1]) {
			all = append(all, s)
			rows += len(s.counts) + len(s.refused) + len(s.routes)
		}
	}
	batch, refusals := store.Batch{Uses: usesOf(all), Routes: routesOf(all), Calls: callsOf(all)}, refusalsOf(all)
	done := func() {}
	defer func() { done() }()
	err = u.db.Do(ctx, func(tx *store.Tx) error {
		done() // of an earlier try
		done = func() {}
		if err := tx.AddUses(ctx, batch); err != nil {
			return err
		}
		if err := tx.AddRefusals(ctx, refusals); err != nil {
			return err
		}
		done, err = u.moving.move(ctx) // not earlier: whatever the database waited for, pages didn't
		return err
	})
	// If nobody knows whether it was committed, it is lost at worst. Each further try would add it again, for
	// as long as the database doesn't confirm anything.
	if err == nil || keyporter.IsUncertain(err) {
		u.written(all)
	}
	return n, err
}

// usesOf returns the counts in the order in which they are added to those of earlier steps.
func usesOf(all []snapshot) (uses []store.Use) {
	for _, s := range all {
		uses = append(uses, s.uses()...)
	}
	slices.SortStableFunc(uses, func(a, b store.Use) int {
		return cmp.Or(cmp.Compare(a.CredentialID, b.CredentialID), cmp.Compare(a.Agent, b.Agent), a.LastAt.Compare(b.LastAt),
			cmp.Compare(a.Version, b.Version), cmp.Compare(a.ActedFor, b.ActedFor), cmp.Compare(a.Address, b.Address))
	})
	return uses
}

// refusalsOf returns the refused calls, oldest first.
func refusalsOf(all []snapshot) (refusals []keyporter.RefusedCall) {
	for _, s := range all {
		refusals = append(refusals, s.refused...)
	}
	slices.SortStableFunc(refusals, func(a, b keyporter.RefusedCall) int { return a.At.Compare(b.At) })
	return refusals
}

func routesOf(all []snapshot) (routes []store.RouteUse) {
	for _, s := range all {
		routes = append(routes, s.routeUses()...)
	}
	return routes
}

func callsOf(all []snapshot) (calls []store.Call) {
	for _, s := range all {
		calls = append(calls, s.madeCalls(false)...)
	}
	return calls
}

// written takes what was written out of memory.
func (u *Usage) written(all []snapshot) {
	for _, s := range all {
		m := s.meter
		u.mu.Lock()
		others := slices.DeleteFunc(u.dirty[m.Of.ID], func(o *Meter) bool { return o == m })
		if u.dirty[m.Of.ID] = others; len(others) == 0 {
			delete(u.dirty, m.Of.ID)
		}
		m.dirty.Store(false) // from here on, a call puts it on the list again
		u.mu.Unlock()
		if more := m.written(s); more {
			u.mark(m)
		}
	}
}
