package verify

import (
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// Drop names the credentials whose cached answers may be out of date. The zero Drop means all
// of them.
type Drop struct {
	Credential   keyporter.ID // API token or access token
	Connection   keyporter.ID // its access tokens
	App          keyporter.ID // access tokens issued to it
	User         keyporter.ID // tokens of the user, access tokens that act for them, and Organization's organization tokens, which may act for them
	Organization keyporter.ID // without User: all of its credentials
	AccessTokens bool         // only the access tokens of Organization
}

// touches reports whether the Drop covers an entry. It isn't called for a Drop of everything
// or of a Credential: the cache finds those without looking at each entry.
func (d *Drop) touches(e *entry) bool {
	switch {
	case d.Connection != "":
		return e.Access != nil && e.Access.ConnectionID == d.Connection
	case d.App != "":
		return e.Access != nil && e.Access.AppID == d.App
	case d.User != "":
		return e.UserID == d.User || e.ofOrganization() && e.OrganizationID == d.Organization
	}
	return e.OrganizationID == d.Organization && (e.Access != nil || !d.AccessTokens)
}

// drop drops entries from the cache and then notifies the watches: whoever asks again after
// hearing of it must not get the old answer.
func (c *Checker) drop(d Drop) {
	switch {
	case d == Drop{}:
		c.cache.dropIf(func(*entry) bool { return true })
	case d.Credential != "":
		c.cache.dropToken(d.Credential)
	default:
		c.cache.dropIf(d.touches)
	}
	c.watches.notify(d)
}

// maxDrops is how many Drops can wait in a Watch before they become one Drop of everything.
const maxDrops = 1024

// Watch receives what the Checker drops, for those who keep its answers elsewhere. It loses
// nothing: if there are more Drops than it has room for, they become one Drop of everything.
type Watch struct {
	all   *watches
	ready chan struct{}

	mu    sync.Mutex
	drops []Drop
}

// Watch returns a Watch of everything that is dropped from now on. Call End when done with it.
func (c *Checker) Watch() *Watch {
	w := &Watch{all: &c.watches, ready: make(chan struct{}, 1)}
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	if c.watches.open == nil {
		c.watches.open = map[*Watch]struct{}{}
	}
	c.watches.open[w] = struct{}{}
	return w
}

// End stops the Watch from receiving Drops.
func (w *Watch) End() {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	delete(w.all.open, w)
}

// Ready returns a channel that receives a value when there is something to take.
func (w *Watch) Ready() <-chan struct{} { return w.ready }

// Take returns what was dropped since it was last called, oldest first.
func (w *Watch) Take() []Drop {
	w.mu.Lock()
	defer w.mu.Unlock()
	drops := w.drops
	w.drops = nil
	return drops
}

func (w *Watch) add(d Drop) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.drops) == 1 && w.drops[0] == Drop{}:
		return // everything is about to be dropped anyway
	case len(w.drops) >= maxDrops || d == Drop{}:
		w.drops = append(w.drops[:0], Drop{})
	default:
		w.drops = append(w.drops, d)
	}
	select {
	case w.ready <- struct{}{}:
	default: // Ready already has a value
	}
}

type watches struct {
	mu   sync.Mutex
	open map[*Watch]struct{}
}

func (ws *watches) notify(d Drop) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.open {
		w.add(d)
	}
}

// Heard returns how long ago this node proved that it hears of changes on other nodes, and
// whether it still counts as hearing. While it doesn't, a Watch may miss Drops. Every Drop
// from before the proof is there to be taken.
func (c *Checker) Heard() (ago time.Duration, hears bool) { return c.db.Heard() }

// Lag returns how long after a Drop another node may still give an outdated answer.
func (c *Checker) Lag() time.Duration { return c.db.Lag() }
