package verify

import (
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestHashesFindsWhatIsInIt(t *testing.T) {
	h := newHashes(2) // long lists
	entries := make([]*entry, 50)
	for i := range entries {
		entries[i] = &entry{hash: keyporter.HashSecret(string(rune('a' + i)))}
		h.add(entries[i])
	}
	in := func(e *entry) bool { return h.get(e.hash) == e }
	for i := range entries {
		if i%3 == 0 {
			h.remove(entries[i])
		}
	}
	for i, e := range entries {
		if in(e) != (i%3 != 0) {
			t.Errorf("entry %d: found is %v", i, in(e))
		}
	}
	h.remove(entries[0]) // isn't there any more
	h.add(entries[0])
	if !in(entries[0]) {
		t.Error("an entry that was put back isn't found")
	}
}

// TestHashesIsReadWhileItChanges has readers look for what stays, while its neighbours
// in the lists come and go.
func TestHashesIsReadWhileItChanges(t *testing.T) {
	h := newHashes(1)
	entries := make([]*entry, 20)
	for i := range entries {
		entries[i] = &entry{hash: keyporter.HashSecret(string(rune('a' + i)))}
		h.add(entries[i])
	}
	var readers sync.WaitGroup
	for i := range 4 {
		stays := entries[5*i+2]
		readers.Go(func() {
			for range 20_000 {
				if h.get(stays.hash) != stays {
					t.Error("an entry that nobody removed isn't found")
					return
				}
			}
		})
	}
	for n := range 20_000 {
		if e := entries[n%len(entries)]; n%5 != 2 {
			h.remove(e)
			h.add(&entry{hash: e.hash})
			h.remove(h.get(e.hash))
			h.add(e)
		}
	}
	readers.Wait()
}
