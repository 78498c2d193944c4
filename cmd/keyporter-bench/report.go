//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// enough is how many clean rounds a verdict needs.
const enough = 3

// goal is a ratio between two programs, and its target.
type goal struct {
	name       string
	over, base string
	least      float64
}

func goals() []goal {
	return []goal{
		{"c/a  /verify, of an empty handler", "c", "a", 0.85},
		{"c/b  /verify, of the same headers", "c", "b", 0.95},
		{"e/d  reverse proxy, of a bare one", "e", "d", 0.95},
		{"u/c  refusing, of accepting", "u", "c", 0},
		{"m/a  API with middleware, of an empty one", "m", "a", 0},
		{"i/a  introspection, of an empty handler", "i", "a", 0},
		{"t/a  token endpoint, of an empty handler", "t", "a", 0},
	}
}

func (r *run) report(w io.Writer) {
	fmt.Fprintf(w, "\nGOGC=%s, %d connections, %d rounds of %v\n\n", r.gogc, r.conns, r.rounds, r.slot)
	fmt.Fprintf(w, "%-36s %8s %8s %8s %8s %8s %8s\n", "program", "req/s", "p50 µs", "p99 µs", "CPU µs", "allocs", "MB")
	for _, p := range r.programs {
		r.reportProgram(w, p)
	}
	fmt.Fprint(w, "\nreq/s as fast as it can; p50 and p99 at half of the rate of a, or of d; CPU and allocations are those of the program, a request\n\n")
	fmt.Fprintf(w, "%-36s %7s  %-12s %-8s %-8s %s\n", "ratio of req/s", "median", "spread", "clean", "of CPU", "wanted")
	for _, g := range goals() {
		r.reportRatio(w, g)
	}
	r.reportInside(w)
	r.reportStatements(w)
}

func (r *run) reportProgram(w io.Writer, p *program) {
	var p50, p99, cpu, allocs []float64
	for _, s := range usable(p.open) {
		p50 = append(p50, micros(s.quantile(0.50)))
		p99 = append(p99, micros(s.quantile(0.99)))
	}
	for _, s := range p.closed {
		cpu = append(cpu, s.perRequest())
		allocs = append(allocs, float64(s.allocs)/float64(s.count))
	}
	var u usage
	if err := p.child.ask(order{Do: "usage"}, &u); err != nil {
		fmt.Fprintln(w, err)
	}
	fmt.Fprintf(w, "%s  %-33s %8.0f %8.0f %8.0f %8.1f %8.1f %8d\n", p.letter, p.title,
		median(p.rates()), median(p50), median(p99), median(cpu), median(allocs), u.Memory>>20)
}

func (r *run) reportRatio(w io.Writer, g goal) {
	over, base := r.find(g.over), r.find(g.base)
	rates, clean := ratios(over, base, (*slot).answers)
	cpu, _ := ratios(base, over, (*slot).perRequest)
	verdict := ""
	if g.name[0] == 'u' {
		verdict = "as fast"
	}
	if g.least > 0 {
		verdict = fmt.Sprintf("at least %.2f", g.least)
	}
	switch {
	case clean < enough:
		verdict = strings.TrimPrefix(verdict+": INCONCLUSIVE, others used the machine", ": ")
	case g.least > 0 && median(rates) < g.least:
		verdict += ": missed"
	case g.least > 0:
		verdict += ": met"
	}
	spread := fmt.Sprintf("%.2f–%.2f", slices.Min(rates), slices.Max(rates))
	fmt.Fprintf(w, "%-36s %7.3f  %-12s %-8s %-8.3f %s\n", g.name, median(rates), spread, fmt.Sprintf("%d of %d", clean, r.rounds), median(cpu), verdict)
}

func (r *run) reportInside(w io.Writer) {
	known, unknown := r.inside.Known, r.inside.Unknown
	fmt.Fprintf(w, "\nin-process, %d tokens in turn   %8s  %-12s %s\n", r.used, "ns", "spread", "allocations")
	for _, l := range []struct {
		name   string
		ns     []float64
		allocs float64
	}{{"a cached check", known, r.inside.Allocs}, {"an unknown token", unknown, r.inside.UnknownAllocs}, {"a decision in the middleware", r.decides.Known, r.decides.Allocs}} {
		fmt.Fprintf(w, "%-34s %8.0f  %-12s %.2f\n", l.name, median(l.ns), fmt.Sprintf("%.0f–%.0f", slices.Min(l.ns), slices.Max(l.ns)), l.allocs)
	}
	fmt.Fprintf(w, "wanted: under 1 µs: %s; at most one allocation: %s; unknown tokens at least as fast: %s\n",
		underMicrosecond(known), met(r.inside.Allocs < 1.01), met(median(unknown) <= median(known)))
	fmt.Fprintf(w, "wanted of the middleware: under 1 µs: %s; no allocation: %s\n", underMicrosecond(r.decides.Known), met(r.decides.Allocs < 0.01))
}

// underMicrosecond gives a verdict only if all measurements agree.
func underMicrosecond(ns []float64) string {
	const line = 1000
	if slices.Min(ns) < line && slices.Max(ns) >= line {
		return "INCONCLUSIVE, they differ"
	}
	return met(slices.Max(ns) < line)
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}

func (r *run) reportStatements(w io.Writer) {
	checks := 0
	var issuing int64
	var charges []float64
	for _, p := range r.programs {
		if p.child != r.keyporter {
			continue
		}
		if p.letter == "t" {
			issued := 0
			for _, s := range slices.Concat(p.closed, p.open) {
				issued += s.count
				issuing += s.statements
			}
			defer func() {
				fmt.Fprintf(w, "the token endpoint runs %.1f statements a token, BEGIN and COMMIT among them\n", float64(issuing)/float64(issued))
			}()
			continue
		}
		for _, s := range slices.Concat(p.closed, p.open) {
			checks += s.count
		}
		for _, s := range p.closed {
			if s.charge > 0 {
				charges = append(charges, s.charge)
			}
		}
	}
	lookups := r.last.Lookups - r.warm.Lookups
	fmt.Fprintf(w, "\nSQL statements: %d lookups when %d tokens were used for the first time, before the rounds\n", r.warm.Lookups-r.first.Lookups, r.used)
	fmt.Fprintf(w, "at least %d checks in the rounds: %d lookups, and %d statements in %d batches that wrote the counts\n",
		checks, lookups, r.last.Statements-r.warm.Statements-lookups-issuing, r.written)
	fmt.Fprintf(w, "writing the counts of %d tokens every %v takes %.1f %% of the machine; c and e are charged with it\n", r.used, flushEvery, 100*median(charges))
}

// ratios returns over divided by base for each round that is clean for both, and how many those
// are. If there aren't enough, it uses every round.
func ratios(over, base *program, of func(*slot) float64) (all []float64, clean int) {
	var cleanOnes []float64
	for i := range over.closed {
		o := &over.closed[i]
		x, xClean := mean(over, o.round, of)
		y, yClean := mean(base, o.round, of)
		all = append(all, x/y)
		if xClean && yClean {
			cleanOnes = append(cleanOnes, x/y)
		}
	}
	if len(cleanOnes) >= enough {
		return cleanOnes, len(cleanOnes)
	}
	return all, len(cleanOnes)
}

// mean returns the mean of a program's slots in a round, using only clean ones if there are any.
func mean(p *program, round int, of func(*slot) float64) (float64, bool) {
	var slots []slot
	for _, s := range p.closed {
		if s.round == round {
			slots = append(slots, s)
		}
	}
	clean := slices.ContainsFunc(slots, func(s slot) bool { return s.clean() })
	sum, n := 0.0, 0.0
	for _, s := range slots {
		if !clean || s.clean() {
			sum += of(&s)
			n++
		}
	}
	return sum / n, clean
}

// usable returns the clean slots, or all if there are none.
func usable(slots []slot) []slot {
	clean := slices.DeleteFunc(slices.Clone(slots), func(s slot) bool { return !s.clean() })
	if len(clean) == 0 {
		return slots
	}
	return clean
}

func (p *program) rates() (all []float64) {
	for _, s := range usable(p.closed) {
		all = append(all, s.answers())
	}
	return all
}

// perRequest returns the program's processor time per request in microseconds.
func (s *slot) perRequest() float64 { return micros(s.cpu) / float64(s.count) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median returns 0 for no values.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}
