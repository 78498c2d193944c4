package client

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
)

// shards is how many parts the memory is divided into, so that calls on different CPUs don't wait
// for each other.
const shards = 64

// key is what decisions are looked up by. The secret itself isn't kept.
type key struct {
	secret keyporter.SecretHash
	login  string // as it came with the secret
}

func (k key) shard() int { return int(k.secret[0]) % shards }

// decision is Keyporter's answer about an active credential, with everything calls need from it
// computed in advance.
type decision struct {
	Introspection

	caller   Caller
	identity []header
	expires  time.Time // zero: never
	counts   *counts   // the last call was counted here; guarded by the lock in uses; nil: no call yet
}

// memory keeps decisions for as long as they are true.
//
// Keyporter may run on many nodes, and the one that answers a question may not be the one that sends
// the stream of changes. It may hear of a change later, and until then answer with what was true
// before. So an answer isn't kept if a change that affects it came less than lag before the question.
type memory struct {
	parts [shards]part
	size  int // maximum number of decisions in a part

	start time.Time
	heard atomic.Int64 // when the stream was last heard, in nanoseconds since start; negative: never

	mu       sync.Mutex
	lag      time.Duration // how long it may take until every node has heard of a change
	drops    []dropped     // recent enough to affect answers on their way
	allStale time.Time     // when everything was last dropped
}

type part struct {
	mu        sync.RWMutex
	decisions map[key]*decision
}

// dropped is a drop and when it arrived.
type dropped struct {
	drop

	at time.Time
}

// maxDrops is how many drops are remembered. If more arrive at once, everything is dropped.
const maxDrops = 1000

func newMemory(size int) *memory {
	m := &memory{size: max(1, size/shards), start: time.Now().Add(-2 * maxDelay)} // earlier than anything a stream can refer to
	m.setDeaf()
	for i := range m.parts {
		m.parts[i].decisions = map[key]*decision{}
	}
	return m
}

// get returns the decision kept for k, or nil if there is none or it has expired.
func (m *memory) get(k key, now time.Time) *decision {
	p := &m.parts[k.shard()]
	p.mu.RLock()
	d := p.decisions[k]
	p.mu.RUnlock()
	if d == nil || d.expired(now) {
		return nil
	}
	return d
}

func (d *decision) expired(now time.Time) bool {
	return !d.expires.IsZero() && !now.Before(d.expires)
}

// put keeps a decision, unless a change since asked may have made it stale.
func (m *memory) put(k key, d *decision, asked time.Time) {
	p := &m.parts[k.shard()]
	p.mu.Lock()
	defer p.mu.Unlock()
	// Any drop that arrives from now on waits for this part's lock, and then finds the decision.
	if m.stale(d, asked) {
		return
	}
	if len(p.decisions) >= m.size {
		for other := range p.decisions { // any one
			delete(p.decisions, other)
			break
		}
	}
	p.decisions[k] = d
}

// stale reports whether the answer to a question asked at asked may no longer be true.
func (m *memory) stale(d *decision, asked time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heard.Load() < 0 || asked.Before(m.allStale.Add(m.lag)) {
		return true
	}
	for _, x := range m.drops {
		if asked.Before(x.at.Add(m.lag)) && x.touches(&d.Introspection) {
			return true
		}
	}
	return false
}

// drop forgets every decision that a change affects.
func (m *memory) drop(d drop, now time.Time) {
	m.mu.Lock()
	oldest := now.Add(-m.lag - askTimeout) // questions asked before this have been answered or timed out
	for len(m.drops) > 0 && m.drops[0].at.Before(oldest) {
		m.drops = m.drops[1:]
	}
	if len(m.drops) < maxDrops {
		m.drops = append(m.drops, dropped{d, now})
	} else {
		m.drops, m.allStale = nil, now
	}
	m.mu.Unlock()
	m.forget(d.touches)
}

// reset forgets everything, because anything may have changed.
func (m *memory) reset(now time.Time) {
	m.mu.Lock()
	m.drops, m.allStale = nil, now
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

// heardAt records that every change up to t has been heard.
func (m *memory) heardAt(t time.Time) { m.heard.Store(int64(t.Sub(m.start))) }

// setDeaf records that there is no stream. Nothing is kept until there is one.
func (m *memory) setDeaf() { m.heard.Store(-1) }

// silentFor returns how long the stream has been silent, and false if there has never been one.
func (m *memory) silentFor(now time.Time) (time.Duration, bool) {
	heard := m.heard.Load()
	return now.Sub(m.start) - time.Duration(heard), heard >= 0
}

func (m *memory) setLag(lag time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lag = lag
}
