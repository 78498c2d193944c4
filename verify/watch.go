package verify

import (
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// Drop says whose remembered answers may be out of date: those of the credentials it names.
// The zero Drop means all of them.
type Drop struct {
	Credential   keyporter.ID // API token, or access token
	Connection   keyporter.ID // access tokens under it
	App          keyporter.ID // access tokens that were issued to it
	User         keyporter.ID // whoever they are, or acts for them; and Organization's organization tokens, which may speak for them
	Organization keyporter.ID // without User: all credentials of it
	AccessTokens bool         // of Organization: its access tokens only
}

// touches reports whether an entry is one of those. It isn't called for a Drop of everything
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

// drop drops what is kept, and tells who watches after that: who hears of it and asks
// again must not be answered from what was kept.
func (c *Checker) drop(d Drop) {
	switch {
	case d == Drop{}:
		c.cache.dropIf(func(*entry) bool { return true })
		c.known.reset()
	case d.Credential != "":
		c.cache.dropToken(d.Credential)
	default:
		c.cache.dropIf(d.touches)
	}
	c.watches.tell(d)
}

// maxDrops is how many Drops wait for a watcher before they become one Drop of everything.
const maxDrops = 1024

// Watch hears what the Checker drops, for who remembers elsewhere what it answered. It
// loses none: of more than it has room for it says that all are to be dropped.
type Watch struct {
	all   *watches
	ready chan struct{}

	mu    sync.Mutex
	drops []Drop
}

// Watch starts reporting what is dropped from now on. Call End on the Watch afterwards.
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

// End ends the Watch.
func (w *Watch) End() {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	delete(w.all.open, w)
}

// Ready is sent to when there is something to take.
func (w *Watch) Ready() <-chan struct{} { return w.ready }

// Take returns what was dropped since it was last called, in that order.
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
		return // it is among all of them, which nobody was told of yet
	case len(w.drops) >= maxDrops || d == Drop{}:
		w.drops = append(w.drops[:0], Drop{})
	default:
		w.drops = append(w.drops, d)
	}
	select {
	case w.ready <- struct{}{}:
	default: // it is known already
	}
}

// watches are those that are open.
type watches struct {
	mu   sync.Mutex
	open map[*Watch]struct{}
}

func (ws *watches) tell(d Drop) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.open {
		w.add(d)
	}
}

// Heard returns how long ago this node proved that it hears what others change, and
// whether it still counts as hearing. While it doesn't, a Watch may miss what it has to
// tell. All that was changed before the proof is there to be taken.
func (c *Checker) Heard() (ago time.Duration, hears bool) { return c.db.Heard() }

// Lag returns for how long after a Drop another node may still answer from before.
func (c *Checker) Lag() time.Duration { return c.db.Lag() }
