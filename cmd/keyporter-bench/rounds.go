//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

// flushEvery is how often Keyporter writes its counts, see package verify.
const flushEvery = 10 * time.Second

// profileSlots is how many slots a profile takes.
const profileSlots = 10

// slot is what was measured about one program in one round.
type slot struct {
	figures

	round  int
	others float64       // share of the machine
	shaky  bool          // the empty handler was slower or faster at the end of the round than at the beginning
	cpu    time.Duration // used by the program
	allocs uint64
	charge float64 // share of the machine that writing its counts takes

	statements int64 // of SQL, run while it was measured
}

func (s *slot) clean() bool { return s.others <= tolerated && !s.shaky }

// answers returns the rate, less what writing the counts would have taken from it.
func (s *slot) answers() float64 { return s.rate() * (1 - s.charge) }

// measure does everything that takes time.
func (r *run) measure(ctx context.Context) error {
	if err := r.warmUp(); err != nil {
		return err
	}
	if err := r.keyporter.ask(order{Do: "inProcess", Known: r.known, Unknown: r.unknown, Time: r.benchTime}, &r.inside); err != nil {
		return err
	}
	if err := r.api.ask(order{Do: "inProcess", Known: r.known, Time: r.benchTime}, &r.decides); err != nil {
		return err
	}
	for i := range r.rounds {
		if err := r.closedRound(ctx, i); err != nil {
			return err
		}
	}
	for i := range r.openRounds {
		if err := r.openRound(ctx, i); err != nil {
			return err
		}
	}
	if err := r.keyporter.ask(order{Do: "usage"}, &r.last); err != nil || r.profile == "" {
		return err
	}
	return r.writeProfiles()
}

// warmUp has every program answer for a moment, and uses every token once.
func (r *run) warmUp() error {
	if err := r.keyporter.ask(order{Do: "usage"}, &r.first); err != nil {
		return err
	}
	for _, p := range r.programs {
		for asked := 0; asked < len(p.load.requests); {
			f, err := p.load.run(r.slot/2, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", p.title, err)
			}
			asked += f.count
		}
		if err := r.flush(p, nil); err != nil {
			return err
		}
	}
	return r.keyporter.ask(order{Do: "usage"}, &r.warm)
}

// closedRound has each program answer as fast as it can. The empty handler comes first and last,
// and the order of the others rotates from round to round.
func (r *run) closedRound(ctx context.Context, round int) error {
	empty, others := r.programs[0], r.programs[1:]
	order := []*program{empty}
	for i := range others {
		order = append(order, others[(i+round)%len(others)])
	}
	for _, p := range append(order, empty) {
		s, err := r.cleanSlot(ctx, p, r.slot, 0)
		if err != nil {
			return err
		}
		s.round = round
		p.closed = append(p.closed, s)
	}
	r.judgeRound(round)
	return nil
}

// judgeRound compares the two slots of the empty handler. On a virtual machine, others may take the
// processor or its caches without a trace in /proc/stat.
func (r *run) judgeRound(round int) {
	empty := r.programs[0].closed
	first, last := empty[len(empty)-2].rate(), empty[len(empty)-1].rate()
	shaky := max(first, last) > (1+tolerated)*min(first, last)
	for _, p := range r.programs {
		for i := range p.closed {
			if p.closed[i].round == round {
				p.closed[i].shaky = shaky
			}
		}
	}
}

// openRound sends calls at half the rate that the empty handler, or the bare proxy, reached,
// whether or not they are answered. The app's requests go at half of their own rate.
func (r *run) openRound(ctx context.Context, round int) error {
	for i := range r.programs {
		p := r.programs[(i+round)%len(r.programs)]
		base := r.find("a")
		switch p.letter {
		case "d", "e":
			base = r.find("d")
		case "i", "t":
			base = p
		}
		s, err := r.cleanSlot(ctx, p, r.openSlot, median(base.rates())/2)
		if err != nil {
			return err
		}
		s.round = round
		p.open = append(p.open, s)
	}
	return nil
}

// cleanSlot measures a slot, and repeats it if others disturbed it, as long as repeats take no more
// than half of the run's time.
func (r *run) cleanSlot(ctx context.Context, p *program, d time.Duration, rate float64) (s slot, err error) {
	for try := 0; ; try++ {
		if s, err = r.oneSlot(p, d, rate); err != nil {
			return s, fmt.Errorf("%s: %w", p.title, err)
		}
		if ctx.Err() != nil || s.clean() || try == 2 || r.repeats >= 3*r.rounds {
			return s, ctx.Err()
		}
		r.repeats++
	}
}

func (r *run) oneSlot(p *program, d time.Duration, rate float64) (s slot, err error) {
	var before, after usage
	w := watch{children: r.children}
	if err := p.child.ask(order{Do: "usage"}, &before); err != nil {
		return s, err
	}
	if err := w.start(); err != nil {
		return s, err
	}
	if s.figures, err = p.load.run(d, rate); err != nil {
		return s, err
	}
	if s.others, err = w.stop(); err != nil {
		return s, err
	}
	if err := p.child.ask(order{Do: "usage"}, &after); err != nil {
		return s, err
	}
	s.cpu, s.allocs, s.statements = after.CPU-before.CPU, after.Mallocs-before.Mallocs, after.Statements-before.Statements
	return s, r.flush(p, &s)
}

// flush has Keyporter write the counts of a slot after it, so that this doesn't fall into another
// program's slot. It charges the slot with its share: every token once, as written here, is what
// ten seconds of such calls would write.
func (r *run) flush(p *program, s *slot) error {
	if p.child != r.keyporter {
		return nil
	}
	var cpu time.Duration
	if err := r.keyporter.ask(order{Do: "flush"}, &cpu); err != nil {
		return err
	}
	r.written++
	if s != nil {
		written := min(1, float64(s.count)/float64(r.used))
		s.charge = cpu.Seconds() / written / (flushEvery.Seconds() * float64(runtime.NumCPU()))
	}
	return nil
}

// writeProfiles profiles Keyporter after all measurements.
func (r *run) writeProfiles() error {
	for _, p := range r.programs {
		if p.child != r.keyporter {
			continue
		}
		var none any
		if err := r.keyporter.ask(order{Do: "startProfile", Path: filepath.Join(r.profile, p.letter+".pprof")}, &none); err != nil {
			return err
		}
		if _, err := p.load.run(profileSlots*r.slot, 0); err != nil {
			return err
		}
		if err := r.keyporter.ask(order{Do: "stopProfile"}, &none); err != nil {
			return err
		}
		if err := r.flush(p, nil); err != nil {
			return err
		}
	}
	return nil
}
