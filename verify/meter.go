package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unique"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

const (
	// flushEvery is how often counts are written; a crash loses those of one interval.
	flushEvery = 10 * time.Second
	// maxCallers is how many callers of one token are told apart in one interval.
	maxCallers = 64
	maxAgent   = 200 // bytes of a User-Agent that are kept
	maxAddress = 64  // of an address
)

// meter counts the calls made with one token until they are written. The usual call,
// from the same client as the one before, takes no lock.
type meter struct {
	credential keyporter.ID // API token, connection, or app that acts for itself
	last       atomic.Pointer[caller]
	dirty      atomic.Bool // is on the list of meters

	mu      sync.Mutex
	callers []*caller
	others  map[other]*caller // what came when there were maxCallers, whatever the client
	refused []refused         // calls, the latest keyporter.RefusalLimit of them
}

// other is what is told apart of calls with an organization token when there are too many
// clients: for whom it speaks must not get lost among them.
type other struct {
	spokeFor string
	api      *API
	version  int
}

// caller is a client as one token saw it. Many tokens see the same.
type caller struct {
	agent, address unique.Handle[string]
	spokeFor       string // login name of the user for whom an organization token spoke
	api            *API
	version        int
	lastAt         atomic.Int64 // Unix milliseconds
	allowed        atomic.Int64
	refused        atomic.Int64
}

func (c *caller) is(k *call) bool {
	return c.agent.Value() == cut(k.req.Agent, maxAgent) && c.address.Value() == k.req.ClientIP &&
		c.spokeFor == k.spokeFor() && c.api == k.route.api && c.version == k.version
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func (k *call) spokeFor() string {
	if k.named == nil {
		return ""
	}
	return k.named.Login
}

// meters are those with counts that aren't written yet.
type meters struct {
	mu    sync.Mutex
	dirty []*meter
	loose map[keyporter.ID]*meter // of tokens whose entries the cache doesn't keep, as while this node is deaf
	flush sync.Mutex
}

// count counts one call, and keeps it when it was refused.
func (ms *meters) count(k *call, d *Decision) {
	m := &k.entry.meter
	if !k.entry.kept {
		m = ms.looseOf(k.entry.TokenID)
	}
	c := m.last.Load()
	if c == nil || !c.is(k) {
		c = m.caller(k)
	}
	c.lastAt.Store(k.now.UnixMilli())
	if d.Allowed {
		c.allowed.Add(1)
	} else {
		c.refused.Add(1)
		m.keep(newRefused(k, d))
	}
	ms.mark(m)
}

// looseOf returns the meter of a token that is used again and again with no entry that
// stays. A meter for each call would fill the memory until they are written.
func (ms *meters) looseOf(token keyporter.ID) *meter {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.loose[token]
	if m == nil {
		if ms.loose == nil {
			ms.loose = map[keyporter.ID]*meter{}
		}
		m = &meter{credential: token}
		ms.loose[token] = m
	}
	return m
}

// mark puts the meter on the list of those that are to be written.
func (ms *meters) mark(m *meter) {
	if !m.dirty.Load() && m.dirty.CompareAndSwap(false, true) {
		ms.mu.Lock()
		ms.dirty = append(ms.dirty, m)
		ms.mu.Unlock()
	}
}

// caller finds or makes the caller, and makes it the last one.
func (m *meter) caller(k *call) *caller {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.callers {
		if c.is(k) {
			m.last.Store(c)
			return c
		}
	}
	if len(m.callers) >= maxCallers {
		return m.other(k) // whoever sends a new agent with each call can't make us remember them all
	}
	c := newCaller(k, cut(k.req.Agent, maxAgent))
	m.callers = append(m.callers, c)
	m.last.Store(c)
	return c
}

// other finds or makes the caller of calls whose client isn't told apart. There are so
// many as there are users and versions at the most.
func (m *meter) other(k *call) *caller {
	o := other{k.spokeFor(), k.route.api, k.version}
	if m.others == nil {
		m.others = map[other]*caller{}
	}
	c := m.others[o]
	if c == nil {
		c = newCaller(k, store.OtherClients)
		m.others[o] = c
	}
	m.last.Store(c)
	return c
}

// newCaller makes a caller out of copies, which Make makes: the strings of a request keep
// all of its headers in memory.
func newCaller(k *call, agent string) *caller {
	return &caller{
		agent: unique.Make(agent), address: unique.Make(k.req.ClientIP),
		spokeFor: k.spokeFor(), api: k.route.api, version: k.version,
	}
}

// Flush writes the counts and the refused calls that are in memory. When it can't, they stay for the next time.
func (c *Checker) Flush(ctx context.Context) error {
	c.meters.flush.Lock()
	defer c.meters.flush.Unlock()
	taken := c.meters.take()
	if len(taken) == 0 {
		return nil
	}
	err := c.db.Do(ctx, func(tx *store.Tx) error {
		var uses []store.Use
		var refusals []keyporter.RefusedCall
		for _, t := range taken {
			uses = append(uses, t.uses()...)
			for i := range t.refused {
				refusals = append(refusals, t.refused[i].row(t.meter.credential))
			}
		}
		return errors.Join(tx.AddUses(ctx, uses), tx.AddRefusals(ctx, refusals))
	})
	if err != nil {
		c.meters.giveBack(taken)
		return fmt.Errorf("write counts: %w", err)
	}
	c.meters.forget()
	return nil
}

// forget forgets the loose meters that have nothing to be written.
func (ms *meters) forget() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	maps.DeleteFunc(ms.loose, func(_ keyporter.ID, m *meter) bool { return !m.dirty.Load() })
}

// taken is what was taken out of a meter.
type taken struct {
	meter   *meter
	counts  []counted
	refused []refused
}

type counted struct {
	caller           *caller
	allowed, refused int64
}

func (t *taken) uses() []store.Use {
	uses := make([]store.Use, len(t.counts))
	for i, n := range t.counts {
		uses[i] = store.Use{CredentialID: t.meter.credential, SpokeFor: n.caller.spokeFor, ClientUse: keyporter.ClientUse{
			Agent: text(n.caller.agent.Value()), Address: n.caller.address.Value(), Version: versionText(n.caller.api, n.caller.version),
			LastAt: time.UnixMilli(n.caller.lastAt.Load()), Allowed: int(n.allowed), Refused: int(n.refused),
		}}
	}
	return uses
}

// text is what is kept out of a header, which can be any bytes. Those that are no text
// PostgreSQL would refuse, with the whole batch; and whoever reads what is kept, in a page
// or a terminal, must not have his lines turned round or his screen cleared by it.
func text(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// versionText is how pages call a version of an API, such as "esign 6".
func versionText(api *API, version int) string {
	if version == 0 {
		return api.Name
	}
	return fmt.Sprintf("%s %d", api.Name, version)
}

// take empties the meters. A call that is counted meanwhile is taken now or the next time.
func (ms *meters) take() []taken {
	ms.mu.Lock()
	dirty := ms.dirty
	ms.dirty = make([]*meter, 0, len(dirty))
	ms.mu.Unlock()
	var all []taken
	for _, m := range dirty {
		m.dirty.Store(false)
		all = append(all, m.take())
	}
	return all
}

// take empties one meter and forgets the callers who didn't call since the last time.
func (m *meter) take() taken {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := taken{meter: m, refused: m.refused}
	m.refused = nil
	idle := func(c *caller) bool { return !t.take(c) && c != m.last.Load() }
	m.callers = slices.DeleteFunc(m.callers, idle)
	maps.DeleteFunc(m.others, func(_ other, c *caller) bool { return idle(c) })
	return t
}

// take takes the counts of a caller, and tells whether there were any.
func (t *taken) take(c *caller) bool {
	n := counted{c, c.allowed.Swap(0), c.refused.Swap(0)}
	if n.allowed+n.refused == 0 {
		return false
	}
	t.counts = append(t.counts, n)
	return true
}

func (ms *meters) giveBack(all []taken) {
	for _, t := range all {
		for _, n := range t.counts {
			n.caller.allowed.Add(n.allowed)
			n.caller.refused.Add(n.refused)
		}
		t.meter.keepAgain(t.refused)
		ms.mark(t.meter)
	}
}
