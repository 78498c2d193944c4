//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is also the program to be measured when the bench under test starts one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childMark {
		exit(runChild(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// TestARunPrintsEverything expects every line of the report, whatever the numbers are.
func TestARunPrintsEverything(t *testing.T) {
	var out strings.Builder
	ms := time.Millisecond
	o := options{tokens: 300, used: 100, conns: 4, rounds: 1, slot: 20 * ms, openRounds: 1, openSlot: 20 * ms, benchTime: ms, idle: ms, gogc: "100", profile: t.TempDir(), fronts: "with", root: "../.."}
	if err := bench(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"300 tokens stored", "GOGC=100", "\na  net/http", "\nb  ", "\nc  /verify", "\nd  httputil", "\ne  Keyporter", "\nm  an API", "\ni  introspection", "\nt  token endpoint", "\nc/a", "\nc/b", "\ne/d", "\nm/a", "\ni/a", "\nt/a", "statements a token",
		"INCONCLUSIVE", "\nnginx    (1)", "\nCaddy    (1)", "\nTraefik  (1)", "a cached check", "an unknown token", "a decision in the middleware", "wanted of the middleware", "SQL statements: 100 lookups when 100 tokens", " in the rounds: 0 lookups", "\nidle for 1ms",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestOnlyWholeAnswersCount(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
	for text, want := range map[string]struct{ whole, fault bool }{
		"":           {},
		head[:20]:    {},
		head + "a":   {},
		head + "ab":  {whole: true},
		head + "abc": {fault: true},
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n": {fault: true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0": {fault: true},
		"no HTTP at all\r\n\r\n":                                 {fault: true},
	} {
		whole, err := wholeAnswer([]byte(text), 200)
		if whole != want.whole || (err != nil) != want.fault {
			t.Errorf("%q: whole %v, error %v", text, whole, err)
		}
	}
}

func TestRatiosUseCleanRoundsIfThereAreEnough(t *testing.T) {
	program := func(counts ...int) *program {
		p := &program{}
		for round, n := range counts {
			p.closed = append(p.closed, slot{figures: figures{count: n, elapsed: time.Second}, round: round})
		}
		return p
	}
	over, base := program(9, 8, 1, 9), program(10, 10, 10, 10)
	over.closed[2].others = 0.5
	all, clean := ratios(over, base, (*slot).answers)
	if clean != 3 || median(all) != 0.9 {
		t.Errorf("%d clean, %v", clean, all)
	}
	base.closed[0].shaky = true
	if all, clean = ratios(over, base, (*slot).answers); clean != 2 || len(all) != 4 {
		t.Errorf("%d clean, %v", clean, all)
	}
}
