package client

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
)

const (
	reportEvery = 10 * time.Second
	// maxUses is how many uses are told apart in a part between two reports; what comes beyond is counted without its client.
	maxUses = 1000

	// Bytes that are told of what a caller sent.
	maxAgent   = 200
	maxAddress = 64
	maxMethod  = 20
	maxPath    = 4 << 10 // a proof names it
	maxProof   = 8 << 10
	maxOrigin  = 300
	maxLogin   = keyporter.MaxLoginLen + 1 // nobody has one so long
)

// text is what is told of something that a caller sent, which can be any bytes. Two login
// names don't become one by it: nobody's has the sign in it that stands for what is no text.
func text(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), limit)], string(utf8.RuneError)))
}

// use is by what calls are told apart when they are counted: whose they are, and where they came from.
type use struct {
	credential, connection, app, login string
	agent, address                     string
	version                            int
}

type counts struct {
	use

	reports          int // that were taken before it was begun
	allowed, refused int64
	last             time.Time
}

// uses are calls that aren't reported to Keyporter yet. It shows people by them what
// uses a token, and what breaks without it.
type uses [shards]struct {
	mu      sync.Mutex
	counts  map[use]*counts
	reports int // that were taken
}

// count counts a call. The usual one, from the same client as the one before, looks nothing up.
func (u *uses) count(k key, d *decision, x use, now time.Time, allowed bool) {
	x.credential, x.connection, x.app = d.ID, d.Connection, d.App
	if d.Actor != "" {
		x.login = d.Username
	}
	x.agent = x.agent[:min(len(x.agent), maxAgent)]
	p := &u[k.shard()]
	p.mu.Lock()
	defer p.mu.Unlock()
	n := d.counts
	if n == nil || n.reports != p.reports || n.use != x {
		if n = p.counts[x]; n == nil {
			n = u.first(k, x)
		}
		d.counts = n
	}
	if n.last = now; allowed {
		n.allowed++
	} else {
		n.refused++
	}
}

// first begins to count a use. Whoever sends a new User-Agent with each call must not make us remember them all.
func (u *uses) first(k key, x use) *counts {
	p := &u[k.shard()]
	if p.counts == nil {
		p.counts = map[use]*counts{}
	}
	if len(p.counts) >= maxUses {
		x.agent, x.address = "", ""
	}
	// The strings of a request keep all of its headers in memory.
	x.agent, x.address, x.login = strings.Clone(x.agent), strings.Clone(x.address[:min(len(x.address), maxAddress)]), strings.Clone(x.login)
	n := p.counts[x]
	if n == nil {
		n = &counts{use: x, reports: p.reports}
		p.counts[x] = n
	}
	return n
}

// take takes what was counted out.
func (u *uses) take() (all []*counts) {
	for i := range u {
		p := &u[i]
		p.mu.Lock()
		all = slices.AppendSeq(all, maps.Values(p.counts))
		p.counts, p.reports = nil, p.reports+1
		p.mu.Unlock()
	}
	return all
}

// wireUse is a use as Keyporter takes it.
type wireUse struct {
	Credential string    `json:"credential"`
	Connection string    `json:"connection,omitempty"`
	App        string    `json:"app,omitempty"`
	Login      string    `json:"login,omitempty"`
	Agent      string    `json:"agent,omitempty"`
	Address    string    `json:"address,omitempty"`
	API        string    `json:"api"`
	Version    int       `json:"version,omitempty"`
	LastAt     time.Time `json:"last_at"`
	Allowed    int64     `json:"allowed"`
	Refused    int64     `json:"refused"`
}

// report reports uses until ctx ends, and then the last of them.
func (c *Client) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		c.reportUses(context.WithoutCancel(ctx))
	}
}

// reportUses tells Keyporter what was counted. What it can't be told is lost: the next
// report would not be sooner, and would count twice what has arrived.
func (c *Client) reportUses(ctx context.Context) {
	var rows []wireUse
	send := func() {
		if len(rows) == 0 {
			return
		}
		if err := c.postJSON(ctx, pathUses, map[string][]wireUse{"uses": rows}, nil); err != nil {
			c.log.Warn("can't report uses to Keyporter", "error", err)
		}
		rows = rows[:0]
	}
	for _, n := range c.uses.take() {
		rows = append(rows, wireUse{
			Credential: n.credential, Connection: n.connection, App: n.app, Login: n.login, Agent: text(n.agent, maxAgent), Address: text(n.address, maxAddress),
			API: c.cfg.API, Version: n.version, LastAt: n.last, Allowed: n.allowed, Refused: n.refused,
		})
		if len(rows) == maxBatch {
			send()
		}
	}
	send()
}
