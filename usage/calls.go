package usage

import (
	"slices"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// unanswered is how long a call waits for its answer before it is written without one.
const unanswered = time.Minute

// maxRoutes is how many routes of a meter are kept apart in one interval. Further ones count toward keyporter.OtherRoutes.
const maxRoutes = 64

// calls are what a meter has about single calls that aren't written yet.
type calls struct {
	mu     sync.Mutex
	last   []kept // as many as there are at most; the call with the number first is in place 0, and so is each CallLimit-th after it
	first  uint64
	next   uint64 // number of the next call
	routes map[routeKey]*routeCounts
	route  *routeCounts // of the last call; nil: none
}

// kept is a call. Its strings aren't a request's.
type kept struct {
	number  uint64
	caller  *caller // nil: it was written
	route   routeKey
	at      int64 // Unix microseconds
	reason  keyporter.Reason
	status  int32
	waiting bool // for an answer
}

type routeKey struct {
	method, pattern, api string
	version              int
}

type routeCounts struct {
	key              routeKey
	lastAt           int64 // Unix milliseconds
	allowed, refused int
}

// Pending is a call whose answer isn't known yet. The zero Pending is of no call.
type Pending struct {
	meter  *Meter
	number uint64
}

// Answered says with which status the API answered the call.
func (p Pending) Answered(status int) {
	if p.meter == nil {
		return
	}
	c := &p.meter.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.numbered(p.number); k != nil {
		k.status, k.waiting = int32(status), false
	}
}

// numbered returns the call with a number, or nil if it is no longer kept.
func (c *calls) numbered(n uint64) *kept {
	if n < c.first || n >= c.next {
		return nil
	}
	if k := &c.last[c.place(n)]; k.number == n && k.caller != nil {
		return k
	}
	return nil
}

func (c *calls) place(n uint64) int { return int((n - c.first) % keyporter.CallLimit) }

// keepCall keeps a call by a caller.
func (m *Meter) keepCall(call *Call, by *caller) (p Pending) {
	c := &m.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	k := kept{caller: by, number: c.next, at: call.At.UnixMicro(), route: routeKey{call.Method, call.Route, by.api, by.version}, waiting: call.Waits}
	route := c.routeOf(k.route)
	route.lastAt = call.At.UnixMilli()
	if call.Refusal == nil {
		route.allowed++
	} else {
		route.refused++
		k.reason, k.waiting = call.Refusal.Reason, false
	}
	if i := c.place(k.number); i < len(c.last) {
		c.last[i] = k
	} else {
		c.last = append(c.last, k)
	}
	c.next++
	if k.waiting {
		p = Pending{m, k.number}
	}
	return p
}

func (c *calls) routeOf(key routeKey) *routeCounts {
	if c.route != nil && c.route.key == key {
		return c.route
	}
	if c.route = c.routes[key]; c.route != nil {
		return c.route
	}
	if other := (routeKey{pattern: keyporter.OtherRoutes}); len(c.routes) >= maxRoutes && key != other {
		return c.routeOf(other)
	}
	if c.routes == nil {
		c.routes = map[routeKey]*routeCounts{}
	}
	c.route = &routeCounts{key: key}
	c.routes[key] = c.route
	return c.route
}

// look adds the calls to what is seen of a meter. Calls that waited too long don't wait anymore.
func (c *calls) look(s *snapshot, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.last {
		if k.caller != nil {
			k.waiting = k.waiting && now.UnixMicro()-k.at < unanswered.Microseconds()
			s.calls = append(s.calls, k)
		}
	}
	for _, n := range c.routes {
		s.routes = append(s.routes, *n)
	}
}

// written forgets what was written. It reports whether anything is left.
func (c *calls) written(s *snapshot) (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range s.calls {
		if k := c.numbered(w.number); !w.waiting && k != nil {
			*k = kept{}
		}
	}
	for _, n := range s.routes {
		left := c.routes[n.key]
		left.allowed -= n.allowed
		left.refused -= n.refused
		if left.allowed+left.refused == 0 {
			delete(c.routes, n.key)
		}
	}
	c.route = nil
	left := slices.ContainsFunc(c.last, func(k kept) bool { return k.caller != nil })
	if !left {
		c.last, c.first = nil, c.next
	}
	return left || len(c.routes) > 0
}

func (r routeKey) of() keyporter.RoutePattern {
	return keyporter.RoutePattern{Version: versionText(r.api, r.version), Method: r.method, Route: r.pattern}
}

// madeCalls returns the calls as they are shown, and written if all is false: then those that wait for an answer are left out.
func (s *snapshot) madeCalls(all bool) (made []store.Call) {
	for _, k := range s.calls {
		if k.waiting && !all {
			continue
		}
		made = append(made, store.Call{CredentialID: s.meter.Of.ID, Call: keyporter.Call{
			RoutePattern: k.route.of(), At: time.UnixMicro(k.at).UTC(), Agent: text(k.caller.agent.Value()), Address: text(k.caller.address.Value()),
			ActedFor: k.caller.actedFor, Reason: k.reason, Status: int(k.status),
		}})
	}
	return made
}

func (s *snapshot) routeUses() (uses []store.RouteUse) {
	for _, n := range s.routes {
		uses = append(uses, store.RouteUse{
			CredentialID: s.meter.Of.ID, RoutePattern: n.key.of(), LastAt: time.UnixMilli(n.lastAt).UTC(), Counts: keyporter.Counts{Allowed: n.allowed, Refused: n.refused},
		})
	}
	return uses
}
