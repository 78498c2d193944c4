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

// entry is what the cache keeps of one credential: all that the rules ask about, and
// all that an answer needs, ready made. It doesn't change; a change drops it.
type entry struct {
	store.Credential
	hash      keyporter.SecretHash
	principal keyporter.Principal
	identity  []Header
	meter     usage.Meter
	named     namedUsers // with an organization token

	kept   bool        // in the cache once, so that the next call finds the same entry
	recent atomic.Bool // used since the hand passed
	dead   bool        // dropped, its place in the ring not filled yet; guarded by cache.mu
}

func newEntry(hash keyporter.SecretHash, c store.Credential) *entry {
	e := &entry{Credential: c, hash: hash}
	e.meter = meterOf(e)
	e.principal = keyporter.Principal{
		UserID: c.UserID, Login: c.Login, OrganizationID: c.OrganizationID, CredentialID: c.TokenID, CredentialKind: c.Kind,
	}
	if c.Kind == keyporter.CredentialOrganizationToken {
		// For whom it speaks each call says.
		e.principal.ActorID, e.principal.UserID, e.principal.Login = c.UserID, "", ""
	}
	if a := c.Access; a != nil {
		e.principal.AppID, e.principal.Scopes = a.AppID, a.Scopes
	}
	e.identity = identityOf(&e.principal)
	return e
}

// cache holds the entries that were asked for lately, a bounded number of them. Reading
// takes no lock. Which one goes when it is full the clock algorithm decides: a hand goes
// round the ring and takes the first entry that wasn't used since it came by last.
type cache struct {
	byHash *xsync.Map[keyporter.SecretHash, *entry]

	mu      sync.Mutex
	byToken map[keyporter.ID][]*entry // two while a token is being rotated
	ring    []*entry
	hand    int
	size    int
	dropped uint64 // how many times something was dropped
}

func newCache(size int) *cache {
	return &cache{byHash: xsync.NewMap[keyporter.SecretHash, *entry](), byToken: map[keyporter.ID][]*entry{}, size: size}
}

func (c *cache) get(hash keyporter.SecretHash) *entry {
	e, ok := c.byHash.Load(hash)
	if !ok {
		return nil
	}
	if !e.recent.Load() { // don't write a line that other processors read
		e.recent.Store(true)
	}
	return e
}

// generation is to be asked before what goes into put is queried.
func (c *cache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// put keeps e, unless something was dropped since generation: then e may tell of a state
// that is over. It returns the entry that is kept for that hash, or e.
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

// free moves the hand to a place in the ring that can be filled anew.
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
	// Not the other secret's entry: who drops the token has to find it.
	others := slices.DeleteFunc(c.byToken[e.TokenID], func(o *entry) bool { return o == e })
	if len(others) == 0 {
		delete(c.byToken, e.TokenID)
		return
	}
	c.byToken[e.TokenID] = others
}

// dropToken drops what is kept of one token.
func (c *cache) dropToken(id keyporter.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for _, e := range slices.Clone(c.byToken[id]) { // remove changes the list
		c.remove(e)
	}
}

// dropIf drops every entry of which gone is true.
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
