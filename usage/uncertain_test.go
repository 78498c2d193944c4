package usage_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestCountsAreNotWrittenAgainAfterAnUncertainCommit has the database commit a flush, and nobody hear of it.
func TestCountsAreNotWrittenAgainAfterAnUncertainCommit(t *testing.T) {
	t.Parallel()
	line := keyportertest.NewLine(t, postgres.New(t))
	w := newWorld(t, line.URL)
	for i := range 10 {
		w.call(w.ofUser, i, 1)
	}
	line.OnCommit(keyportertest.CommitUnheard, true)
	if err := w.counts.Flush(t.Context()); !keyporter.IsUncertain(err) {
		t.Errorf("the flush says %v", err)
	}
	line.Mend()
	if err := w.counts.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if use, err := w.counts.Of(t.Context(), w.user.ID); err != nil || use.Allowed+use.Refused != 10 {
		t.Errorf("10 calls were counted as %d + %d, %v", use.Allowed, use.Refused, err)
	}
}
