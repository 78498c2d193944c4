// Package keyportertest gives tests the real things: databases of both kinds, a clock that tests
// can set, a running Keyporter with an organization and users, and an attacker. It has no mocks.
package keyportertest

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// Main runs the tests of a package, and then ends what they shared: a PostgreSQL server, the built
// program, and whatever stop ends.
func Main(m *testing.M, stop ...func()) {
	code := m.Run()
	for _, s := range stop {
		s()
	}
	postgres.Stop()
	removeProgram()
	os.Exit(code)
}

// Clock is the time of day, which a test can advance. The zero value shows the real time.
type Clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time // zero: the clock runs
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

// Stop stops the clock until it is advanced, for tests that must not depend on how fast the machine
// is.
func (c *Clock) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = time.Now()
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Eventually waits until ok returns true, and fails the test after a minute. The limit only makes
// sure that a test ends: on a busy machine, ten seconds weren't enough for correct code.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
