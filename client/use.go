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
	// reportTimeout is how long reporting may take, also when the Client is closed. No call waits
	// for it, and what isn't reported by then is lost, so it gets more time than a question.
	reportTimeout = reportEvery
	// reportRows is how many uses are reported at a time. Keyporter writes them in one transaction.
	reportRows = 100
	// maxUses is how many uses a shard tells apart between two reports. Calls beyond that are
	// counted without their User-Agent and address.
	maxUses = 1000

	// How many bytes of what a caller sent go to Keyporter.
	maxAgent   = 200
	maxAddress = 64
	maxMethod  = 20
	maxPath    = 4 << 10 // a proof names it
	maxProof   = 8 << 10
	maxLogin   = keyporter.MaxLoginLen + 1 // a truncated login name is still too long to be anyone's
)

// cleanText returns up to limit bytes of what a caller sent, with U+FFFD in place of control
// characters and invalid UTF-8. The result can't be another user's login name, since no login name
// contains U+FFFD.
func cleanText(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), limit)], string(utf8.RuneError)))
}

// use identifies calls that are counted together: same credential, same client, same version.
type use struct {
	credential, connection, app, login string
	agent, address                     string
	version                            int
}

type counts struct {
	use

	round            int // the shard's round when counting began
	allowed, refused int64
	last             time.Time
}

// uses counts calls that haven't been reported to Keyporter yet. Its pages show what uses a token,
// and so what would break without it.
type uses [shards]struct {
	mu     sync.Mutex
	counts map[use]*counts
	round  int // how many times the counts were taken
}

// count counts a call. If it comes from the same client as the previous one, no lookup is needed.
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
	if n == nil || n.round != p.round || n.use != x {
		if n = p.counts[x]; n == nil {
			n = u.start(k, x)
		}
		d.counts = n
	}
	if n.last = now; allowed {
		n.allowed++
	} else {
		n.refused++
	}
}

// start starts counting a use. It limits how many there are, so that a client that sends a new
// User-Agent with each call can't fill the memory.
func (u *uses) start(k key, x use) *counts {
	p := &u[k.shard()]
	if p.counts == nil {
		p.counts = map[use]*counts{}
	}
	if len(p.counts) >= maxUses {
		x.agent, x.address = "", ""
	}
	// A string from a request would keep all of its headers in memory.
	x.agent, x.address, x.login = strings.Clone(x.agent), strings.Clone(x.address[:min(len(x.address), maxAddress)]), strings.Clone(x.login)
	n := p.counts[x]
	if n == nil {
		n = &counts{use: x, round: p.round}
		p.counts[x] = n
	}
	return n
}

// take returns all counts and starts over.
func (u *uses) take() (all []*counts) {
	for i := range u {
		p := &u[i]
		p.mu.Lock()
		all = slices.AppendSeq(all, maps.Values(p.counts))
		p.counts, p.round = nil, p.round+1
		p.mu.Unlock()
	}
	return all
}

// wireUse is a use as Keyporter reads it.
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

// report reports uses at regular intervals, and one last time when ctx ends.
func (c *Client) report(ctx context.Context) {
	tick := time.NewTicker(c.cfg.reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done(): // also if that happened during a report, which doesn't have the latest calls
			c.reportUses(ctx)
			return
		case <-tick.C:
			c.reportUses(ctx)
		}
	}
}

// reportUses sends the counts to Keyporter, also when ctx has ended. If that fails, they are lost:
// the request may have arrived even so, and sending it again would count its calls twice.
func (c *Client) reportUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.reportTimeout)
	defer cancel()
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
			Credential: n.credential, Connection: n.connection, App: n.app, Login: n.login, Agent: cleanText(n.agent, maxAgent), Address: cleanText(n.address, maxAddress),
			API: c.cfg.API, Version: n.version, LastAt: n.last, Allowed: n.allowed, Refused: n.refused,
		})
		if len(rows) == reportRows {
			send()
		}
	}
	send()
}
