package verify

import (
	"context"
	"testing"

	"github.com/keyporter/keyporter"
)

// TestRefillIncludesWhatIsAddedMeanwhile adds secrets while the set is being refilled, and
// deletes others without an event.
func TestRefillIncludesWhatIsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	hash := keyporter.HashSecret
	k := newKnown()
	<-k.rebuild
	stored := []keyporter.SecretHash{hash("old"), hash("stays")}
	meanwhile := func() {}
	each := func(_ context.Context, f func(keyporter.SecretHash)) error {
		for _, h := range stored {
			f(h)
		}
		meanwhile()
		return nil
	}
	fill := func() {
		t.Helper()
		if err := k.fill(t.Context(), each); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	k.renew()
	select {
	case <-k.rebuild:
		t.Fatal("nothing was added, but the set is read again")
	default:
	}
	k.add([]keyporter.SecretHash{hash("new")})
	k.renew()
	<-k.rebuild
	stored = []keyporter.SecretHash{hash("stays"), hash("new")}
	meanwhile = func() {
		k.add([]keyporter.SecretHash{hash("late")})
		if k.lacks(hash("late")) || k.lacks(hash("old")) {
			t.Error("while the set is read again, the previous one isn't used")
		}
	}
	fill()
	for text, want := range map[string]bool{"old": true, "stays": false, "new": false, "late": false, "never": true} {
		if k.lacks(hash(text)) != want {
			t.Errorf("lacks %s: %v", text, !want)
		}
	}
	// A reset during the refill discards what was read.
	meanwhile = k.reset
	fill()
	if k.lacks(hash("never")) {
		t.Error("what was read before a reset is trusted")
	}
	<-k.rebuild
}
