package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

const (
	// flushEvery is how often counts are written; a crash loses those of one interval.
	flushEvery = 10 * time.Second
	// maxCallers is how many callers of one token are told apart in one interval.
	maxCallers = 64
	maxAgent   = 200 // bytes of a User-Agent that are kept
)

// meter counts the calls made with one token until they are written. The usual call,
// from the same client as the one before, takes no lock.
type meter struct {
	token keyporter.ID
	last  atomic.Pointer[caller]
	dirty atomic.Bool // is on the list of meters

	mu      sync.Mutex
	callers []*caller
}

// caller is a client as one token saw it.
type caller struct {
	agent, address string
	api            *API
	version        int
	lastAt         atomic.Int64 // Unix milliseconds
	allowed        atomic.Int64
	refused        atomic.Int64
}

func (c *caller) is(k *call, api *API, version int) bool {
	return c.agent == cutAgent(k.req.Agent) && c.address == k.req.ClientIP && c.api == api && c.version == version
}

func cutAgent(agent string) string { return agent[:min(len(agent), maxAgent)] }

// meters are those with counts that aren't written yet.
type meters struct {
	mu    sync.Mutex
	dirty []*meter
	flush sync.Mutex
}

// count counts one call.
func (ms *meters) count(m *meter, k *call, api *API, version int, allowed bool) {
	c := m.last.Load()
	if c == nil || !c.is(k, api, version) {
		c = m.caller(k, api, version)
	}
	c.lastAt.Store(k.now.UnixMilli())
	if allowed {
		c.allowed.Add(1)
	} else {
		c.refused.Add(1)
	}
	if !m.dirty.Load() && m.dirty.CompareAndSwap(false, true) {
		ms.mu.Lock()
		ms.dirty = append(ms.dirty, m)
		ms.mu.Unlock()
	}
}

// caller finds or makes the caller, and makes it the last one.
func (m *meter) caller(k *call, api *API, version int) *caller {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.callers {
		if c.is(k, api, version) {
			m.last.Store(c)
			return c
		}
	}
	if len(m.callers) >= maxCallers {
		return m.callers[0] // whoever sends a new agent with each call can't make us remember them all
	}
	// Copies: the strings of a request keep all of its headers in memory.
	c := &caller{agent: strings.Clone(cutAgent(k.req.Agent)), address: strings.Clone(k.req.ClientIP), api: api, version: version}
	m.callers = append(m.callers, c)
	m.last.Store(c)
	return c
}

// Flush writes the counts that are in memory. When it can't, they stay for the next time.
func (c *Checker) Flush(ctx context.Context) error {
	c.meters.flush.Lock()
	defer c.meters.flush.Unlock()
	uses := c.meters.take()
	if len(uses) == 0 {
		return nil
	}
	rows := make([]store.Use, len(uses))
	for i, u := range uses {
		rows[i] = u.row()
	}
	if err := c.db.Do(ctx, func(tx *store.Tx) error { return tx.AddUses(ctx, rows) }); err != nil {
		c.meters.giveBack(uses)
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

// taken is a count that was taken out of a meter.
type taken struct {
	meter            *meter
	caller           *caller
	allowed, refused int64
}

func (t taken) row() store.Use {
	version := ""
	if t.caller.api != nil {
		version = t.caller.api.Name
		if t.caller.version != 0 {
			version = fmt.Sprintf("%s %d", version, t.caller.version)
		}
	}
	return store.Use{TokenID: t.meter.token, ClientUse: keyporter.ClientUse{
		// A header can be any bytes; PostgreSQL takes text only, and would refuse the whole batch.
		Agent: strings.ToValidUTF8(t.caller.agent, "?"), Address: t.caller.address, Version: version,
		LastAt: time.UnixMilli(t.caller.lastAt.Load()), Allowed: int(t.allowed), Refused: int(t.refused),
	}}
}

// take empties the meters. A call that is counted meanwhile is taken now or the next time.
func (ms *meters) take() []taken {
	ms.mu.Lock()
	dirty := ms.dirty
	ms.dirty = nil
	ms.mu.Unlock()
	var all []taken
	for _, m := range dirty {
		m.dirty.Store(false)
		all = append(all, m.take()...)
	}
	return all
}

// take empties one meter and forgets the callers who didn't call since the last time.
func (m *meter) take() (all []taken) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.callers = slices.DeleteFunc(m.callers, func(c *caller) bool {
		t := taken{m, c, c.allowed.Swap(0), c.refused.Swap(0)}
		if t.allowed+t.refused > 0 {
			all = append(all, t)
			return false
		}
		return c != m.last.Load()
	})
	return all
}

func (ms *meters) giveBack(all []taken) {
	for _, t := range all {
		t.caller.allowed.Add(t.allowed)
		t.caller.refused.Add(t.refused)
		if t.meter.dirty.CompareAndSwap(false, true) {
			ms.mu.Lock()
			ms.dirty = append(ms.dirty, t.meter)
			ms.mu.Unlock()
		}
	}
}
