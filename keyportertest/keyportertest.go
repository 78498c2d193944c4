// Package keyportertest gives tests the real things: databases of both kinds, a clock
// that can be turned, a running Keyporter with an organization and users in it, and an
// attacker. There are no mocks in it.
package keyportertest

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// Main runs the tests of a package and then ends what they shared: a PostgreSQL server,
// the program as it was built, and what stop ends.
func Main(m *testing.M, stop ...func()) {
	code := m.Run()
	for _, s := range stop {
		s()
	}
	postgres.Stop()
	removeProgram()
	os.Exit(code)
}

// Clock is the time of day, which a test can move on. The zero value shows the real time.
type Clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time // zero: it runs
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

// Stop has the clock stand still, until it is moved on: for what must not depend on how
// fast the machine is.
func (c *Clock) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = time.Now()
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Eventually waits until ok returns true, and fails the test after a minute. That only
// has a test end: on a busy machine, ten seconds were not enough for what is right.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("a minute has passed, and not: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
