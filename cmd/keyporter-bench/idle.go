//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// mostIdle is how much of one processor a Keyporter with nothing to do may take, in percent.
const mostIdle = 0.3

// reportIdle leaves Keyporter alone for a while and prints how much of a processor it takes, on SQLite.
func (r *run) reportIdle(ctx context.Context, w io.Writer) error {
	before, err := r.keyporter.processorTime()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(r.idle):
	}
	after, err := r.keyporter.processorTime()
	if err != nil {
		return err
	}
	percent := 100 * float64(after-before) / float64(r.idle)
	fmt.Fprintf(w, "\nidle for %v: %.2f %% of one processor; wanted: under %.1f: %s\n", r.idle, percent, mostIdle, met(percent < mostIdle))
	return nil
}

// processorTime returns how long the program has run on a processor.
func (c *child) processorTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	const user, system, tick = 11, 12, 10 * time.Millisecond // proc_pid_stat(5), counted after the name, which may have spaces
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	u, errUser := strconv.Atoi(fields[user])
	s, errSystem := strconv.Atoi(fields[system])
	return time.Duration(u+s) * tick, errors.Join(errUser, errSystem)
}
