package usage

import (
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
	maxCallers = 64     // of one credential that are kept apart in one interval
	maxFresh   = 20_000 // callers of all credentials that a node begins to keep apart in one interval
)

// Limits on what is kept of what a caller sends, in bytes.
const (
	maxAgent   = 200 // User-Agent
	maxAddress = 64
	maxPath    = 500
	maxMethod  = 20
)

// Credential is what calls are counted under.
type Credential struct {
	ID             keyporter.ID // API token, connection, or app that acts for itself
	OrganizationID keyporter.ID // empty: it is an app of the whole instance
	Kind           keyporter.CredentialKind
}

// Meter counts the calls made with one credential until they are written. The usual call,
// from the same client as the previous one, finds its counter without a lock. The list of last calls takes one.
type Meter struct {
	Of Credential

	last  atomic.Pointer[caller]
	dirty atomic.Bool // on the dirty list

	mu      sync.Mutex
	callers []*caller
	others  map[other]*caller       // calls that came when there were maxCallers already, whatever the client
	refused []keyporter.RefusedCall // the latest keyporter.RefusalLimit of them
	kept    int                     // how many refused calls were ever put there

	calls calls
}

// Call is a call as it is counted.
type Call struct {
	At       time.Time
	Agent    string // User-Agent
	Address  string
	ActedFor string // login name of the user an organization token acted for; empty: none
	API      string
	Version  int      // of the API, 0 if it has none
	Method   string   // one of a few, not a request's
	Route    string   // pattern
	Waits    bool     // for the API's answer, see Pending
	Refusal  *Refusal // nil: it was allowed
}

// Refusal is what is kept of a refused call, besides its count.
type Refusal struct {
	RequestID string
	Reason    keyporter.Reason
	Cause     string
	Method    string
	Path      string
	LoginName string // in the call, whether or not any user has it
}

// caller is a client as seen by one credential. Many credentials see the same client.
type caller struct {
	agent, address unique.Handle[string]
	actedFor       string
	api            string
	version        int
	lastAt         atomic.Int64 // Unix milliseconds
	refusedAt      atomic.Int64 // of the last refused call; 0: none was refused since it was made
	allowed        atomic.Int64
	refused        atomic.Int64
	gone           atomic.Bool // its meter no longer has it
}

// other distinguishes calls with an organization token once there are too many clients: the
// users it acts for must not get lost among them.
type other struct {
	actedFor string
	api      string
	version  int
}

func (c *caller) made(call *Call) bool {
	return c.agent.Value() == cut(call.Agent, maxAgent) && c.address.Value() == cut(call.Address, maxAddress) &&
		c.actedFor == call.ActedFor && c.version == call.Version && c.api == call.API
}

// caller finds or adds the caller, and makes it the last one used. It asks mayAdd before it adds one.
func (m *Meter) caller(call *Call, mayAdd func() bool) *caller {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.callers {
		if c.made(call) {
			m.last.Store(c)
			return c
		}
	}
	// A client that sends a new agent with each call can't make us remember them all, and neither
	// can a user with a thousand tokens.
	if len(m.callers) >= maxCallers || !mayAdd() {
		return m.other(call)
	}
	c := newCaller(call, cut(call.Agent, maxAgent))
	m.callers = append(m.callers, c)
	m.last.Store(c)
	return c
}

// other finds or adds the caller that stands for all clients beyond those that are kept apart.
// There is one for each user and version, or only for each user if a client makes up versions.
func (m *Meter) other(call *Call) *caller {
	o := other{call.ActedFor, call.API, call.Version}
	if len(m.others) >= maxCallers {
		o.version = 0
	}
	if m.others == nil {
		m.others = map[other]*caller{}
	}
	c := m.others[o]
	if c == nil {
		c = newCaller(call, store.OtherClients)
		c.version = o.version
		m.others[o] = c
	}
	m.last.Store(c)
	return c
}

// newCaller makes a caller out of copies, which Make makes: the strings of a request keep
// all of its headers in memory. ActedFor and API aren't a request's.
func newCaller(call *Call, agent string) *caller {
	return &caller{agent: unique.Make(agent), address: unique.Make(cut(call.Address, maxAddress)), actedFor: call.ActedFor, api: call.API, version: call.Version}
}

// snapshot is what a meter had at some time.
type snapshot struct {
	meter   *Meter
	counts  []counted
	refused []keyporter.RefusedCall
	kept    int // Meter.kept at that time
	calls   []kept
	routes  []routeCounts
}

type counted struct {
	caller           *caller
	allowed, refused int64
}

// look returns what is in a meter.
func (m *Meter) look(now time.Time) snapshot {
	s := snapshot{meter: m}
	m.calls.look(&s, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	s.refused, s.kept = slices.Clone(m.refused), m.kept
	for _, c := range m.callers {
		s.add(counted{c, c.allowed.Load(), c.refused.Load()})
	}
	for _, c := range m.others {
		s.add(counted{c, c.allowed.Load(), c.refused.Load()})
	}
	return s
}

// written takes what was written out of the meter, and forgets the callers without calls since the last
// time. It reports whether anything came in meanwhile.
func (m *Meter) written(s snapshot) (more bool) {
	moreCalls := m.calls.written(&s)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = slices.Delete(m.refused, 0, max(0, len(m.refused)-(m.kept-s.kept)))
	busy := map[*caller]bool{}
	for _, n := range s.counts {
		n.caller.allowed.Add(-n.allowed)
		n.caller.refused.Add(-n.refused)
		busy[n.caller] = true
	}
	more = moreCalls || len(m.refused) > 0
	forget := func(c *caller) bool {
		more = more || c.used()
		return !busy[c] && c != m.last.Load() && c.leave()
	}
	m.callers = slices.DeleteFunc(m.callers, forget)
	maps.DeleteFunc(m.others, func(_ other, c *caller) bool { return forget(c) })
	return more
}

func (c *caller) lastRefused() time.Time {
	if at := c.refusedAt.Load(); at != 0 {
		return time.UnixMilli(at).UTC()
	}
	return time.Time{}
}

func (c *caller) used() bool { return c.allowed.Load()+c.refused.Load() != 0 }

// leave reports whether the meter can forget the caller. Someone may be about to count a call with it, and
// either sees that it is gone or is seen here.
func (c *caller) leave() bool {
	c.gone.Store(true)
	if c.used() {
		c.gone.Store(false)
		return false
	}
	return true
}

// restore takes back a caller that was forgotten while a call was being counted with it.
func (m *Meter) restore(c *caller) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.gone.CompareAndSwap(true, false) {
		m.callers = append(m.callers, c)
	}
}

// add adds the counts of a caller, if there are any.
func (s *snapshot) add(n counted) {
	if n.allowed+n.refused != 0 {
		s.counts = append(s.counts, n)
	}
}

func (s *snapshot) uses() []store.Use {
	uses := make([]store.Use, len(s.counts))
	for i, n := range s.counts {
		uses[i] = store.Use{CredentialID: s.meter.Of.ID, ActedFor: n.caller.actedFor, ClientUse: keyporter.ClientUse{
			Agent: text(n.caller.agent.Value()), Address: text(n.caller.address.Value()), Version: versionText(n.caller.api, n.caller.version),
			LastAt: time.UnixMilli(n.caller.lastAt.Load()).UTC(), Allowed: int(n.allowed), Refused: int(n.refused), RefusedAt: n.caller.lastRefused(),
		}}
	}
	return uses
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// text returns what is kept of a header, which can hold any bytes. PostgreSQL would refuse
// invalid text, with the whole batch; and nothing kept may reorder lines or clear the screen
// of whoever reads it on a page or in a terminal.
func text(s string) string {
	return strings.Map(func(r rune) rune {
		if plain := r >= ' ' && r <= '~'; !plain && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// versionText is how pages call a version of an API, such as "esign 6".
func versionText(api string, version int) string {
	if version == 0 {
		return api
	}
	return fmt.Sprintf("%s %d", api, version)
}
