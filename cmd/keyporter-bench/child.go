//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// childMark is the first argument of a program to be measured.
const childMark = "child"

// child is a program being measured, in its own process. It reads orders as lines of JSON from
// standard input, answers on standard output, and ends with its input.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	asks *json.Encoder
	says *json.Decoder
	addr string // host and port
}

// order is a line that a child reads.
type order struct {
	Do      string
	Known   []string // secrets, for inProcess
	Unknown []string
	Time    time.Duration // of one measurement
	Path    string        // of a profile
}

// startChild starts the program with this name and waits until it serves.
func startChild(gogc, name string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, cmd: exec.Command(self, append([]string{childMark, name}, args...)...)}
	c.cmd.Env = append(os.Environ(), "GOGC="+gogc)
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	c.asks, c.says = json.NewEncoder(c.in), json.NewDecoder(out)
	if err := startOnLastingThread(c.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := c.says.Decode(&c.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("%s didn't start: %w", name, err), c.stop())
	}
	return c, nil
}

// startOnLastingThread starts a program on a thread that never ends: Pdeathsig is sent when the
// thread that started the program ends, not only with the process.
func startOnLastingThread(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		select {}
	}()
	return <-started
}

// ask gives an order and reads the answer.
func (c *child) ask(o order, answer any) error {
	err := c.asks.Encode(o)
	if err == nil {
		err = c.says.Decode(answer)
	}
	if err != nil {
		return fmt.Errorf("ask %s to %s: %w", c.name, o.Do, err)
	}
	return nil
}

func (c *child) stop() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
