// Suite is make test. It runs all tests of the module, with one PostgreSQL server for all packages, and
// beside them the make targets in its arguments. Then it runs the tests in which goroutines share memory
// again, with the race detector. It prints the tables that tests measure, where the time went, and
// at the end everything that failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/keyporter/keyporter/keyportertest/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, targets []string) error {
	racing, err := racingTests(".")
	if err != nil {
		return err
	}
	r := report{began: time.Now(), measured: map[string]bool{}}
	if r.needs(ctx); len(r.failures) > 0 {
		return errors.New("the tests can't begin without what they need")
	}
	server, end, err := postgres.Share()
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer end()
	var beside sync.WaitGroup // many tests mostly wait
	beside.Go(func() {
		for _, name := range append(targets, "clients") {
			r.target(ctx, name)
		}
	})
	r.tests(ctx, server, "all tests", "./verify", "./cmd/keyporter", "./console", "./...") // those that take longest first
	r.tests(ctx, server, "with the race detector", racing.arguments()...)
	beside.Wait()
	r.print()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case len(r.failures) > 0:
		return errors.New("make test has failed")
	}
	return nil
}

// wholePackages returns the packages of which every test runs with the race detector, except for
// notRacing, because goroutines of the product share memory in them.
func wholePackages() []string {
	return []string{"./verify", "./client", "./gateway", "./introspection", "./notify", "./server", "./soap", "./usage"}
}

// notRacing returns tests that take long and do one thing after the other.
func notRacing() []string { return []string{"TestABlockNeverAllowsMore"} }

// chosenTests returns the tests that run with the race detector in packages whose tests take
// long, by folder. Two stories of the whole program are enough: the others go through the same
// code. In the console, only the sign-in with a provider shares memory.
func chosenTests() map[string][]string {
	return map[string][]string{
		"./cmd/keyporter": {"TestAnAppsLife", "TestTheSOAPTutorial"},
		"./console":       {"TestSigningInWithAProvider"},
	}
}
