package keyportertest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that serves until the test ends.
type Process struct {
	URL string // where it said that it is ready

	cmd   *exec.Cmd
	out   *os.File // where it prints and logs
	ended chan struct{}

	mu      sync.Mutex
	printed strings.Builder
}

// Serve runs Keyporter's command serve with these settings, as in the configuration file, and the
// key of every node in tests.
func Serve(t testing.TB, keyporter *exec.Cmd, settings map[string]any) *Process {
	t.Helper()
	dir, key := t.TempDir(), sealKey()
	config, keys := filepath.Join(dir, "keyporter.yaml"), filepath.Join(dir, "keys")
	all := map[string]any{"listen": "127.0.0.1:0", "key_file": keys}
	maps.Copy(all, settings)
	text, err := json.Marshal(all) // which is also YAML
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, string(text))
	write(t, keys, base64.StdEncoding.EncodeToString(key[:]))
	keyporter.Args = append(keyporter.Args, "serve", "--config", config)
	return Run(t, keyporter)
}

// Run runs a program, and returns when it says that it is ready.
func Run(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := start(t, cmd)
	p.await(t, "ready", func() (ready bool) {
		_, after, _ := strings.Cut(p.Output(), "ready at ")
		p.URL, _, ready = strings.Cut(after, "\n")
		return ready
	})
	return p
}

func start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: cmd, out: r, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(p, r)
		_ = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		_ = r.Close()
		if t.Failed() {
			t.Log(cmd.Path, cmd.ProcessState, p.Output())
		}
	})
	return p
}

// await waits until ok returns true, and fails the test if the program ends before.
func (p *Process) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Eventually(t, p.cmd.Path+" is "+what, func() bool {
		if closed(p.ended) {
			t.Fatalf("%s ended before it was %s", p.cmd.Path, what)
		}
		return ok()
	})
}

// Write notes what the program prints.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.Write(b)
}

// Output returns what the program has printed and logged.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.String()
}

// StopReading closes the pipe that the program prints and logs to.
func (p *Process) StopReading() { _ = p.out.Close() }

// Signal sends the program a signal.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// Status waits for the end of the program and returns its exit status.
func (p *Process) Status(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Fatal("the program doesn't end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the program to end, and returns its exit status.
func (p *Process) Stop(t testing.TB) int {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	return p.Status(t)
}
