package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// stopSignals are the signals that ask the program to stop.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// untilSignal returns a context that ends when the program should stop. A second signal ends the
// program at once, with the status that a shell would report. The end of a terminal never does
// (SIGHUP): it must not cut an import in half.
func untilSignal(ctx context.Context) context.Context {
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2) // both, should they arrive together
	signal.Notify(signals, stopSignals()...)
	go func() {
		<-signals
		stop()
		second := <-signals
		fmt.Fprintf(os.Stderr, "keyporter: stopped at once by a second signal (%s)\n", second)
		status := 1
		if n, ok := second.(syscall.Signal); ok {
			status = 128 + int(n)
		}
		os.Exit(status)
	}()
	return ctx
}

// serveOn keeps a program that serves running when its terminal or whoever reads its output is
// gone. From then on, it logs that SIGHUP changes nothing.
func serveOn(log *slog.Logger) {
	signal.Ignore(syscall.SIGPIPE)
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	go func() {
		for range hups {
			log.Warn("SIGHUP changes nothing: the configuration can't be reloaded yet; restart Keyporter to read it again")
		}
	}()
}
