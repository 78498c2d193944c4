package client

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
)

// shards is into how many parts the memory is divided, so that calls on many processors
// don't wait for each other.
const shards = 64

// key is what a decision is kept by. The secret itself isn't kept.
type key struct {
	secret keyporter.SecretHash
	login  string // as it came beside the secret
}

func (k key) shard() int { return int(k.secret[0]) % shards }

// decision is what Keyporter said of an active credential, and all that calls need, ready made.
type decision struct {
	Introspection

	caller   Caller
	identity []header
	ends     time.Time // zero: never
	counts   *counts   // of the last call, under the lock of uses; nil: none yet
}

// memory keeps decisions for as long as they are true.
//
// Keyporter may run on many nodes, and the one that is asked needn't be the one whose
// stream says what is no longer true: it may answer from before for as long as a node may
// take to hear of a change. So what was asked before that time is over isn't kept.
type memory struct {
	parts [shards]part
	size  int // decisions in a part

	start time.Time
	heard atomic.Int64 // the stream, last, in nanoseconds since start; negative: never

	mu    sync.Mutex
	lag   time.Duration // how long a node may take to hear of a change
	drops []dropped     // those that answers may still be overtaken by
	all   time.Time     // what was asked before isn't kept, whatever it is about
}

type part struct {
	mu        sync.RWMutex
	decisions map[key]*decision
}

// dropped is a drop and when it came.
type dropped struct {
	drop

	at time.Time
}

// maxDrops is how many drops are remembered; with more in so short a time nothing is kept.
const maxDrops = 1000

func newMemory(size int) *memory {
	m := &memory{size: max(1, size/shards), start: time.Now().Add(-2 * maxBound)} // long enough ago for all that can have been heard
	m.deaf()
	for i := range m.parts {
		m.parts[i].decisions = map[key]*decision{}
	}
	return m
}

// get returns the decision that is kept, nil if none is.
func (m *memory) get(k key, now time.Time) *decision {
	p := &m.parts[k.shard()]
	p.mu.RLock()
	d := p.decisions[k]
	p.mu.RUnlock()
	if d == nil || d.ended(now) {
		return nil
	}
	return d
}

func (d *decision) ended(now time.Time) bool {
	return !d.ends.IsZero() && !now.Before(d.ends)
}

// put keeps a decision that was asked for at some time, unless it may be no longer true.
func (m *memory) put(k key, d *decision, asked time.Time) {
	p := &m.parts[k.shard()]
	p.mu.Lock()
	defer p.mu.Unlock()
	// A drop that comes from now on waits for this part, and finds the decision in it.
	if !m.holds(d, asked) {
		return
	}
	if len(p.decisions) >= m.size {
		for other := range p.decisions { // some one
			delete(p.decisions, other)
			break
		}
	}
	p.decisions[k] = d
}

// holds tells whether an answer that was asked for at some time is true as far as is known.
func (m *memory) holds(d *decision, asked time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heard.Load() < 0 || asked.Before(m.all.Add(m.lag)) {
		return false
	}
	for _, x := range m.drops {
		if asked.Before(x.at.Add(m.lag)) && x.touches(&d.Introspection) {
			return false
		}
	}
	return true
}

// drop forgets what a change touches.
func (m *memory) drop(d drop, now time.Time) {
	m.mu.Lock()
	over := now.Add(-m.lag - askTime) // no answer is on its way that was asked for before
	for len(m.drops) > 0 && m.drops[0].at.Before(over) {
		m.drops = m.drops[1:]
	}
	if len(m.drops) < maxDrops {
		m.drops = append(m.drops, dropped{d, now})
	} else {
		m.drops, m.all = nil, now
	}
	m.mu.Unlock()
	m.forget(d.touches)
}

// reset forgets everything: anything may have changed.
func (m *memory) reset(now time.Time) {
	m.mu.Lock()
	m.drops, m.all = nil, now
	m.mu.Unlock()
	m.forget(func(*Introspection) bool { return true })
}

func (m *memory) forget(touched func(*Introspection) bool) {
	for i := range m.parts {
		p := &m.parts[i]
		p.mu.Lock()
		for k, d := range p.decisions {
			if touched(&d.Introspection) {
				delete(p.decisions, k)
			}
		}
		p.mu.Unlock()
	}
}

// hears notes that the stream is there.
func (m *memory) hears(now time.Time) { m.heard.Store(int64(now.Sub(m.start))) }

// deaf notes that nothing is heard, and nothing was.
func (m *memory) deaf() { m.heard.Store(-1) }

// silentFor returns for how long nothing was heard, and false if nothing ever was.
func (m *memory) silentFor(now time.Time) (time.Duration, bool) {
	heard := m.heard.Load()
	return now.Sub(m.start) - time.Duration(heard), heard >= 0
}

// lags notes how long a node may take to hear of a change.
func (m *memory) lags(lag time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lag = lag
}
