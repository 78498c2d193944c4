//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

// runKeyporter is the real thing: the server with its listener, routes, and database, and an API
// behind it.
func runKeyporter(database, upstream string) error {
	ctx := context.Background()
	cfg := server.Config{Listen: "127.0.0.1:0", Database: database, LogLevel: "warn", APIs: apis("http://" + upstream)}
	cfg.Gateways = []server.Gateway{{Name: "bench", SecretSHA256: fmt.Sprintf("%x", gatewaySecret().Hash())}}
	srv, err := server.Start(ctx, cfg, cfg.Logger(), nil)
	if err != nil {
		return err
	}
	for !srv.Checker.Complete() {
		time.Sleep(10 * time.Millisecond)
	}
	err = obey(strings.TrimPrefix(srv.URL(), "http://"), map[string]func(order) (any, error){
		"usage": func(order) (any, error) {
			u := usageNow()
			u.Statements, u.Lookups = srv.Statements(), srv.Checker.Lookups()
			return u, nil
		},
		"flush": func(order) (any, error) {
			before := usageNow().CPU
			err := srv.Usage.Flush(ctx)
			return usageNow().CPU - before, err
		},
		"inProcess":    func(o order) (any, error) { return measureInProcess(srv.Checker, o) },
		"startProfile": func(o order) (any, error) { return nil, startProfile(o.Path) },
		"stopProfile":  func(order) (any, error) { pprof.StopCPUProfile(); return nil, nil },
	})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Stop(ctx))
}

func apis(upstream string) []verify.API {
	return []verify.API{{Name: "esign", Upstream: upstream, Routes: []verify.Route{
		{Path: "/Api/{version}/version", Versions: "1-5", Methods: []string{"GET"}, Public: true, Refusals: verify.RefuseEmpty},
		{Path: "/Api/{version}/{rest...}", Versions: "1-5", Refusals: verify.RefuseEmpty},
		{Path: "/Api/{version}/system/version", Versions: "6-", Methods: []string{"GET"}, Public: true, Refusals: verify.RefuseError},
		{Path: "/Api/{version}/{rest...}", Versions: "6-", Refusals: verify.RefuseError},
	}}}
}

func startProfile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(f) // the file is closed with the process
}

// inProcess is what a check costs without a network.
type inProcess struct {
	Known, Unknown []float64 // nanoseconds, one per run
	Allocs         float64   // of a check of a known token
	UnknownAllocs  float64
}

func measureInProcess(c *verify.Checker, o order) (p inProcess, err error) {
	testing.Init() // otherwise, it has no flags to set
	if err := flag.Set("test.benchtime", o.Time.String()); err != nil {
		return p, err
	}
	p.Allocs, p.UnknownAllocs = math.Inf(1), math.Inf(1)
	for range measurements {
		k, u := benchmarkChecks(c, o.Known), benchmarkChecks(c, o.Unknown)
		p.Known = append(p.Known, float64(k.T.Nanoseconds())/float64(k.N))
		p.Unknown = append(p.Unknown, float64(u.T.Nanoseconds())/float64(u.N))
		// Take the fewest: writing counts at the same time isn't part of the check.
		p.Allocs = min(p.Allocs, float64(k.MemAllocs)/float64(k.N))
		p.UnknownAllocs = min(p.UnknownAllocs, float64(u.MemAllocs)/float64(u.N))
	}
	return p, nil
}

// measurements is how many times everything without a network is measured.
const measurements = 7

// measureKnown measures everything that only uses known secrets.
func measureKnown(o order, benchmark func(secrets []string) testing.BenchmarkResult) (p inProcess) {
	p.Allocs = math.Inf(1)
	for range measurements {
		k := benchmark(o.Known)
		p.Known = append(p.Known, float64(k.T.Nanoseconds())/float64(k.N))
		p.Allocs = min(p.Allocs, float64(k.MemAllocs)/float64(k.N))
	}
	return p
}

// benchmarkChecks checks the same call with one secret after another. As at the gateway, the
// request was just read and is in the processor's caches, and what is kept of its secret may not
// be.
func benchmarkChecks(c *verify.Checker, secrets []string) testing.BenchmarkResult {
	ctx := context.Background()
	call := verify.Request{Method: "GET", Host: "127.0.0.1", Path: callPath, APIToken: []string{""}, ClientIP: callFrom, Agent: callAgent}
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			call.APIToken[0] = secrets[i%len(secrets)]
			c.Check(ctx, &call)
		}
	})
}

// unknownSecrets returns well-formed secrets that were never issued.
func unknownSecrets(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	}
	return all
}
