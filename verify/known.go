package verify

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/keyporter/keyporter"
)

// known remembers 64 bits of the hash of every issued secret, in 16 to 32 bytes of memory
// each, so that guesses at secrets cost neither a query nor a place in the cache. It may
// still know a secret that was deleted; then the database decides. Until it is complete,
// it rules out nothing.
type known struct {
	table atomic.Pointer[table]

	mu      sync.Mutex
	late    []keyporter.SecretHash // added while a table is being filled
	filling bool
	added   int // since the table was filled
	epoch   int // counts resets
	rebuild chan struct{}
}

func newKnown() *known {
	k := &known{rebuild: make(chan struct{}, 1)}
	k.reset()
	return k
}

// lacks reports whether the secret was certainly never issued.
func (k *known) lacks(hash keyporter.SecretHash) bool {
	t := k.table.Load()
	return t != nil && !t.has(fingerprint(hash))
}

func (k *known) add(hashes []keyporter.SecretHash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.table.Load()
	if t == nil || k.filling {
		k.late = append(k.late, hashes...)
	}
	if t == nil {
		return
	}
	k.added += len(hashes)
	for _, h := range hashes {
		t = t.with(fingerprint(h))
	}
	k.table.Store(t)
}

// reset forgets everything and asks for a refill.
func (k *known) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	k.table.Store(nil)
	k.late = nil
	k.ask()
}

// renew asks for a refill if there may be something to forget: access tokens are issued by
// the hour, and expired ones are deleted without an event. Until it is refilled, the table stays in use.
func (k *known) renew() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.added > 0 {
		k.ask()
	}
}

func (k *known) ask() {
	select {
	case k.rebuild <- struct{}{}:
	default:
	}
}

// fill builds the table from every stored hash. Hashes added meanwhile are included, and a
// reset meanwhile discards the result.
func (k *known) fill(ctx context.Context, each func(context.Context, func(keyporter.SecretHash)) error) error {
	epoch := k.begin()
	t := newTable(1024)
	err := each(ctx, func(h keyporter.SecretHash) { t = t.with(fingerprint(h)) })
	k.mu.Lock()
	defer k.mu.Unlock()
	k.filling = false
	if err != nil {
		return err
	}
	if k.epoch != epoch {
		return nil // the reset has already asked for another refill
	}
	for _, h := range k.late {
		t = t.with(fingerprint(h))
	}
	k.late, k.added = nil, 0
	k.table.Store(t)
	return nil
}

// begin starts collecting added hashes for the table that is about to be filled.
func (k *known) begin() (epoch int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.filling = true
	return k.epoch
}

// fingerprint is the first 64 bits of a hash. Nobody can aim at one: that would take a preimage of SHA-256.
func fingerprint(h keyporter.SecretHash) uint64 {
	return max(binary.LittleEndian.Uint64(h[:8]), 1) // 0 marks a free slot
}

// table is an open-addressing set of fingerprints, at most half full, that is read without locks while one writer adds to it.
type table struct {
	slots []atomic.Uint64
	used  int
}

func newTable(size int) *table { return &table{slots: make([]atomic.Uint64, size)} }

func (t *table) has(f uint64) bool {
	mask := uint64(len(t.slots) - 1)
	for i := f & mask; ; i = (i + 1) & mask {
		switch t.slots[i].Load() {
		case f:
			return true
		case 0:
			return false
		}
	}
}

// with adds f and returns the table that has it: t, or a larger copy.
func (t *table) with(f uint64) *table {
	if 2*(t.used+1) > len(t.slots) {
		larger := newTable(2 * len(t.slots))
		for i := range t.slots {
			if s := t.slots[i].Load(); s != 0 {
				larger.insert(s)
			}
		}
		t = larger
	}
	t.insert(f)
	return t
}

func (t *table) insert(f uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := f & mask; ; i = (i + 1) & mask {
		switch t.slots[i].Load() {
		case f:
			return
		case 0:
			t.slots[i].Store(f)
			t.used++
			return
		}
	}
}
