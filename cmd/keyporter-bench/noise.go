//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// tolerated is the share of the machine that others may use in a slot that counts.
const tolerated = 0.05

// ticks are processor times of the whole machine.
type ticks struct {
	busy, stolen, all int64 // all counts idle time, too
}

// readTicks reads the first line of /proc/stat, see proc_stat(5).
func readTicks() (t ticks, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var user, nice, system, idle, iowait, irq, softirq int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &t.stolen); err != nil {
		return t, fmt.Errorf("read /proc/stat: %w", err)
	}
	t.busy = user + nice + system // interrupts are left out: most come from our own calls
	t.all = t.busy + idle + iowait + irq + softirq + t.stolen
	return t, nil
}

// watch measures what others do with the machine during a slot.
type watch struct {
	children []*child
	before   ticks
	ours     time.Duration
}

func (w *watch) start() (err error) {
	if w.ours, err = w.used(); err == nil {
		w.before, err = readTicks()
	}
	return err
}

// stop returns the share of the machine that others used or stole.
func (w *watch) stop() (float64, error) {
	after, err := readTicks()
	if err != nil {
		return 0, err
	}
	ours, err := w.used()
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	others := time.Duration(after.busy-w.before.busy+after.stolen-w.before.stolen)*tick - (ours - w.ours)
	return max(0, others.Seconds()/(time.Duration(after.all-w.before.all)*tick).Seconds()), nil
}

// used returns the processor time of this process and of the programs it measures.
func (w *watch) used() (time.Duration, error) {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self) // can't fail for the process itself
	sum := cpuOf(&self)
	for _, c := range w.children {
		var u usage
		if err := c.ask(order{Do: "usage"}, &u); err != nil {
			return 0, err
		}
		sum += u.CPU
	}
	return sum, nil
}
