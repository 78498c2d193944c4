// Suite runs all tests of the module, with one PostgreSQL server for all packages, and then
// those in which goroutines meet once more, with the race detector. It prints what fails,
// the tables that tests measure, and where the time went.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/keyporter/keyporter/keyportertest/postgres"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, end, err := postgres.Share()
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer end()
	racing, err := meetings(".")
	if err != nil {
		return err
	}
	var report report
	failed := report.phase(ctx, server, "all tests", "./...")
	if report.phase(ctx, server, "with the race detector, whole packages", append([]string{"-race"}, wholePackages()...)...) {
		failed = true
	}
	if report.phase(ctx, server, "with the race detector, where goroutines meet", racing.arguments()...) {
		failed = true
	}
	report.print()
	if failed {
		return errors.New("tests have failed: see FAIL above")
	}
	return nil
}

// wholePackages are those of which every test runs with the race detector: goroutines of the
// product share memory in all of them.
func wholePackages() []string { return []string{"./verify", "./client", "./gateway"} }

// phase runs go test, and tells whether something failed.
func (r *report) phase(ctx context.Context, server, name string, args ...string) (failed bool) {
	fmt.Println("==", name)
	began := time.Now()
	// Twice as many tests at once as there are packages at once: many wait.
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-parallel=4", "-timeout=20m"}, args...)...)
	cmd.Env = append(os.Environ(), server)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Println(err)
		return true
	}
	r.read(name, out)
	if err = cmd.Wait(); err != nil {
		fmt.Printf("FAIL %s: go test %s: %v\n", name, strings.Join(args, " "), err)
	}
	r.phases = append(r.phases, took{name, time.Since(began).Seconds()})
	return err != nil
}
