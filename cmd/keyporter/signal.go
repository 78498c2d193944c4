package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopSignals are the signals that ask the program to stop.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// together is how far apart signals may arrive that are one request to stop: a terminal and a process manager may
// both send one, and Ctrl-C is easily pressed twice.
const together = time.Second

// untilSignal returns a context that ends when the program should stop. A second signal ends the
// program at once, with the status that a shell would report. The end of a terminal never does
// (SIGHUP): it must not cut an import in half.
func untilSignal(ctx context.Context) context.Context {
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2) // both, should they arrive together
	signal.Notify(signals, stopSignals()...)
	go func() {
		second := secondSignal(signals, stop, time.Now)
		fmt.Fprintf(os.Stderr, "keyporter: stopped at once by a second signal (%s)\n", second)
		status := 1
		if n, ok := second.(syscall.Signal); ok {
			status = 128 + int(n)
		}
		os.Exit(status)
	}()
	return ctx
}

// secondSignal calls stop after the first signal, and returns the next one that doesn't come together with it.
func secondSignal(signals <-chan os.Signal, stop func(), now func() time.Time) os.Signal {
	<-signals
	first := now()
	stop()
	for {
		if s := <-signals; now().Sub(first) >= together {
			return s
		}
	}
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
