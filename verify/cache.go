package verify

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

// entry is what the cache keeps of one credential: everything the rules ask about, and
// everything an answer needs, ready-made. It is immutable; a change drops it.
type entry struct {
	store.Credential
	hash      keyporter.SecretHash
	principal keyporter.Principal
	identity  []Header
	meter     usage.Meter
	named     namedUsers // of an organization token

	kept   bool        // was put into the cache, so that later calls find the same entry
	recent atomic.Bool // used since the hand passed
	dead   bool        // dropped, but its place in the ring isn't filled yet; guarded by cache.mu
}

func newEntry(hash keyporter.SecretHash, c store.Credential) *entry {
	e := &entry{Credential: c, hash: hash}
	e.meter = meterOf(e)
	e.principal = keyporter.Principal{
		UserID: c.UserID, Login: c.Login, OrganizationID: c.OrganizationID, CredentialID: c.TokenID, CredentialKind: c.Kind,
	}
	if c.Kind == keyporter.CredentialOrganizationToken {
		// Each call names the user it acts for.
		e.principal.ActorID, e.principal.UserID, e.principal.Login = c.UserID, "", ""
	}
	if a := c.Access; a != nil {
		e.principal.AppID, e.principal.Scopes = a.AppID, a.Scopes
	}
	e.identity = identityOf(&e.principal)
	return e
}

// cache holds a bounded number of recently used entries. Reading takes no lock. When it is
// full, the clock algorithm chooses what to evict: a hand goes around the ring and takes the
// first entry that wasn't used since its last pass.
type cache struct {
	byHash *xsync.Map[keyporter.SecretHash, *entry]

	mu      sync.Mutex
	byToken map[keyporter.ID][]*entry // two while a token is being rotated
	ring    []*entry
	hand    int
	size    int
	dropped uint64 // number of drops
}

func newCache(size int) *cache {
	return &cache{byHash: xsync.NewMap[keyporter.SecretHash, *entry](), byToken: map[keyporter.ID][]*entry{}, size: size}
}

func (c *cache) get(hash keyporter.SecretHash) *entry {
	e, ok := c.byHash.Load(hash)
	if !ok {
		return nil
	}
	if !e.recent.Load() { // avoid writing a cache line that other processors read
		e.recent.Store(true)
	}
	return e
}

// generation returns the number to pass to put. Call it before querying what you put.
func (c *cache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// put keeps e, unless something was dropped since generation: then e may be out of date.
// It returns the entry that is kept for that hash, or e.
func (c *cache) put(generation uint64, e *entry) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.byHash.Load(e.hash); ok {
		return kept
	}
	if c.dropped != generation {
		return e
	}
	e.kept = true
	if len(c.ring) < c.size {
		c.ring = append(c.ring, e)
	} else {
		c.ring[c.free()] = e
	}
	c.byHash.Store(e.hash, e)
	c.byToken[e.TokenID] = append(c.byToken[e.TokenID], e)
	return e
}

// free moves the hand to a place in the ring that can be reused, and returns it.
func (c *cache) free() int {
	for {
		c.hand = (c.hand + 1) % len(c.ring)
		e := c.ring[c.hand]
		if e.dead {
			return c.hand
		}
		if !e.recent.Swap(false) {
			c.remove(e)
			return c.hand
		}
	}
}

func (c *cache) remove(e *entry) {
	e.dead = true
	c.byHash.Delete(e.hash)
	// Keep the other secret's entry: dropToken must find it.
	others := slices.DeleteFunc(c.byToken[e.TokenID], func(o *entry) bool { return o == e })
	if len(others) == 0 {
		delete(c.byToken, e.TokenID)
		return
	}
	c.byToken[e.TokenID] = others
}

// dropToken drops the entries of all secrets of one token.
func (c *cache) dropToken(id keyporter.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for _, e := range slices.Clone(c.byToken[id]) { // remove changes the list
		c.remove(e)
	}
}

// dropIf drops every entry for which gone returns true.
func (c *cache) dropIf(gone func(*entry) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for _, e := range c.ring {
		if !e.dead && gone(e) {
			c.remove(e)
		}
	}
}
