//go:build linux

// Keyporter-bench measures what a check, the reverse proxy, the middleware, introspection, and the
// token endpoint cost, compared with programs that do nothing else, in one run on one machine. It
// starts itself again for each program, drives them in interleaved rounds over loopback, and prints
// ratios with their spread. It draws no conclusion from measurements spoiled by noise.
// docs/explanation/performance.md says how to read them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	tokens     int // stored
	used       int // how many of them the calls use
	conns      int
	rounds     int
	slot       time.Duration // of one program in one round
	openRounds int
	openSlot   time.Duration
	benchTime  time.Duration // of each measurement without a network
	idle       time.Duration // without any calls
	gogc       string        // of every program measured
	profile    string        // folder for profiles of Keyporter
	fronts     string        // with, without, or only the proxies that ask
	root       string        // folder of the repository
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == childMark {
		exit(runChild(os.Args[2], os.Args[3:]))
	}
	var o options
	flag.IntVar(&o.tokens, "tokens", 1_000_000, "tokens that are stored")
	flag.IntVar(&o.used, "used", 10_000, "tokens that the calls are spread over")
	flag.IntVar(&o.conns, "conns", 32, "connections of the client")
	flag.IntVar(&o.rounds, "rounds", 16, "rounds in which each program runs as fast as it can")
	flag.DurationVar(&o.slot, "slot", 750*time.Millisecond, "time of one program in such a round")
	flag.IntVar(&o.openRounds, "open-rounds", 4, "rounds at half of the load, in which the time of an answer is measured")
	flag.DurationVar(&o.openSlot, "open-slot", 1500*time.Millisecond, "time of one program in such a round")
	flag.DurationVar(&o.benchTime, "bench-time", time.Second, "time of one measurement without network")
	flag.DurationVar(&o.idle, "idle", time.Minute, "time without calls, in which Keyporter's processor time is measured")
	flag.StringVar(&o.gogc, "gogc", "100", "GOGC of all programs")
	flag.StringVar(&o.profile, "profile", "", "`folder` to write processor profiles of Keyporter to")
	flag.StringVar(&o.fronts, "fronts", "with", "whether nginx, Caddy, and Traefik are measured with the recipes: with, without, only")
	flag.StringVar(&o.root, "root", ".", "`folder` of the repository, which has the recipes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(bench(ctx, o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyporter-bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "keyporter-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	database := filepath.Join(dir, "keyporter.db")
	start := time.Now()
	secrets, err := fill(ctx, database, o)
	if err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	fmt.Fprintf(out, "%d tokens stored in %.1f s\n", o.tokens, time.Since(start).Seconds())
	r := &run{options: o}
	defer r.stop()
	if err := r.start(database, secrets); err != nil {
		return err
	}
	if o.fronts != "only" {
		if err := r.measure(ctx); err != nil {
			return err
		}
		r.report(out)
		if err := r.reportIdle(ctx, out); err != nil {
			return err
		}
	}
	if o.fronts == "without" {
		return nil
	}
	return r.compareFronts(ctx, out)
}
