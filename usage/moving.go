package usage

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// moving keeps apart those who read what is in memory and in the database, and the step that moves counts from
// one to the other: otherwise pages would show those counts twice, or not at all.
type moving struct{ readers *semaphore.Weighted }

const (
	everyone = 1 << 30
	maxWait  = time.Second // for each other
)

func newMoving() moving { return moving{semaphore.NewWeighted(everyone)} }

// move waits for those who read, and keeps others waiting until done is called. It returns an error
// if that takes too long.
func (m moving) move(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := m.readers.Acquire(ctx, everyone); err != nil {
		return func() {}, fmt.Errorf("wait for pages that show counts: %w", err)
	}
	return func() { m.readers.Release(everyone) }, nil
}

// read waits for the counts that are being moved, and keeps others where they are until done is called. It
// doesn't wait for a commit that hangs: then the page may count the calls of one step twice.
func (m moving) read(ctx context.Context) (done func()) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := m.readers.Acquire(ctx, 1); err != nil {
		return func() {}
	}
	return func() { m.readers.Release(1) }
}
