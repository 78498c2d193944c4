package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// needs installs what the tests need.
func (r *report) needs(ctx context.Context) {
	cmd := makeTarget("needs")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr // sudo may ask for a password
	r.phase(ctx, "needs", cmd, nil)
}

// target runs a target of make, and prints its output when it ends, because others print meanwhile.
func (r *report) target(ctx context.Context, name string) {
	var out bytes.Buffer
	cmd := ownGroup(makeTarget(name))
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Minute // for processes it started that are still running
	r.phase(ctx, name, cmd, nil)
	_, _ = os.Stdout.Write(out.Bytes())
}

func makeTarget(name string) *exec.Cmd {
	return exec.Command("make", "--no-print-directory", name) //nolint:gosec // a name in the Makefile
}

// tests runs go test.
func (r *report) tests(ctx context.Context, server, name string, args ...string) {
	fmt.Println("==", name)
	// Run more packages and more tests at once than there are processors, because many tests wait.
	cmd := ownGroup(exec.Command("go", append([]string{"test", "-json", "-count=1", "-p=3", "-parallel=4", "-timeout=20m", "-ldflags=-s -w"}, args...)...))
	cmd.Env = append(os.Environ(), server)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.failed(name + ": " + err.Error())
		return
	}
	r.phase(ctx, name, cmd, func() { r.read(name, out) })
}

// ownGroup puts a command and everything it starts into one process group, so that they can be
// ended together.
func ownGroup(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// phase runs a command until it or ctx ends, and keeps how long it took and whether it failed.
func (r *report) phase(ctx context.Context, name string, cmd *exec.Cmd, read func()) {
	if ctx.Err() != nil {
		return
	}
	began := time.Now()
	err := cmd.Start()
	if err == nil {
		ended := endWith(ctx, cmd)
		if read != nil {
			read()
		}
		err = cmd.Wait()
		ended()
	}
	if err != nil {
		fmt.Printf("FAIL %s: %v\n", name, err)
		r.failed(fmt.Sprintf("%s: %v", name, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases = append(r.phases, took{fmt.Sprintf("%s (%.0f s CPU)", name, processorTime(cmd)), time.Since(began).Seconds()})
}

// processorTime returns how much processor time a command and what it waited for have used, in seconds. On a
// machine that is busy, it says more than how long they took.
func processorTime(cmd *exec.Cmd) float64 {
	if cmd.ProcessState == nil {
		return 0 // it didn't start
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// endWith asks the command's group to end when ctx ends, and kills it if that takes too long. The
// function it returns kills whatever the command left behind.
func endWith(ctx context.Context, cmd *exec.Cmd) (ended func()) {
	group := -cmd.Process.Pid
	if cmd.SysProcAttr == nil { // otherwise, it is in our group
		group = cmd.Process.Pid
	}
	signal := func(s syscall.Signal) { _ = syscall.Kill(group, s) }
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-ctx.Done():
			signal(syscall.SIGINT)
		}
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			signal(syscall.SIGKILL)
		}
	}()
	return func() {
		if close(done); group < 0 {
			signal(syscall.SIGKILL)
		}
	}
}
