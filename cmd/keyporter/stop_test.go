package main

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

func get(t *testing.T, p *keyportertest.Process, path string, headers ...string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return (&http.Client{Transport: &http.Transport{}}).Do(req) // with a connection of its own
}

// slowAPI is an API whose answers end when the test does: at /shop/silent, not even the beginning
// arrives. At /shop/wait, it answers once the channel is closed. The websocket at /shop/busy never stops
// sending.
func slowAPI(t *testing.T, release <-chan struct{}) (apis []map[string]any, calls chan string) {
	t.Helper()
	calls = make(chan string, 10)
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls <- r.URL.Path
		switch r.URL.Path {
		case "/shop/wait":
			<-release
		case "/shop/silent":
			<-end
		case "/shop/stream":
			_, _ = io.WriteString(w, "first\n")
			_ = http.NewResponseController(w).Flush()
			<-end
		case "/shop/socket", "/shop/busy":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			conn, _, err := http.NewResponseController(w).Hijack()
			for err == nil && r.URL.Path == "/shop/busy" {
				_, err = conn.Write(make([]byte, 64<<10))
				time.Sleep(time.Millisecond)
			}
			<-end
			_ = conn.Close()
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(end) })
	return []map[string]any{{"name": "shop", "upstream": s.URL, "routes": []map[string]any{{"path": "/shop/{rest...}"}}}}, calls
}

// grace is how much later than it should a program may be noticed to have ended, on a machine that is busy.
const grace = 8 * time.Second

// TestStoppingEndsEverythingInTime stops the program while calls run that would never end.
func TestStoppingEndsEverythingInTime(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		n := keyportertest.NewNode(t, database)
		token, secret := keyportertest.Token(t, n.Control, keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")
		gateway := keyporter.NewSecret(keyporter.SecretGateway)
		hash := gateway.Hash()
		apis, calls := slowAPI(t, nil)
		envoy := keyportertest.FreeAddress(t)
		p := keyportertest.Serve(t, exec.Command("keyporter"), map[string]any{
			"database": database, "stop_seconds": 4, "apis": apis, "envoy_listen": envoy,
			"gateways": []map[string]any{{"name": "in front", "secret_sha256": hex.EncodeToString(hash[:])}},
		})
		res, err := get(t, p, "/shop/quick", "ApiToken", secret.Reveal())
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		<-calls
		watched, err := get(t, p, "/oauth2/introspect/changes", "Authorization", "Bearer "+gateway.Reveal())
		if err != nil || watched.StatusCode != http.StatusOK {
			t.Fatal(watched, err)
		}
		stream, err := get(t, p, "/shop/stream", "ApiToken", secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		ends := make(chan error, 2)
		for _, path := range []string{"/shop/socket", "/shop/busy"} {
			socket, err := get(t, p, path, "ApiToken", secret.Reveal(), "Connection", "Upgrade", "Upgrade", "websocket")
			if err != nil || socket.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(socket, err)
			}
			go func() {
				_, err := io.Copy(io.Discard, socket.Body)
				ends <- err
			}()
		}
		silent := make(chan struct{})
		go func() {
			res, err := get(t, p, "/shop/silent", "ApiToken", secret.Reveal())
			if err == nil {
				t.Errorf("a call that was never answered got %s", res.Status)
			}
			close(silent)
		}()
		for range 4 {
			<-calls
		}
		if conn, err := net.Dial("tcp", envoy); err != nil { // and says nothing
			t.Error(err)
		} else {
			defer func() { _ = conn.Close() }()
		}

		begun := time.Now()
		p.Signal(t, syscall.SIGTERM)
		keyportertest.Eventually(t, "the counts are written", func() bool {
			_, tokens, err := n.Control.TokensOf(t.Context(), keyporter.Command(), token.OwnerID, keyporter.UserToken, "")
			return err == nil && tokens[0].Use.Allowed == 5
		})
		select {
		case <-silent:
			t.Error("the counts were written at the end, or calls weren't allowed to finish")
		default:
		}
		if _, err := io.Copy(io.Discard, watched.Body); err != nil {
			t.Errorf("the stream of changes was broken off: %v", err)
		}
		if status := p.Status(t); status != 0 {
			t.Errorf("the exit status is %d", status)
		}
		if took := time.Since(begun); took > 4*time.Second+grace {
			t.Errorf("stopping took %v instead of 4 s", took)
		}
		if _, err := io.Copy(io.Discard, stream.Body); err == nil {
			t.Error("a stream that was cut off looks complete")
		}
		<-silent
		for range 2 {
			if err := <-ends; err != nil {
				t.Errorf("a websocket ended with %v", err)
			}
		}
		log := p.Output()
		if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "ended the calls that were still running") || !strings.Contains(log, "calls=4") || strings.Contains(log, "level=ERROR") {
			t.Error("the log doesn't just say that four calls were ended")
		}
	})
}

// TestStoppingLetsCallsFinish stops the program behind a balancer that asks whether it is healthy.
func TestStoppingLetsCallsFinish(t *testing.T) {
	t.Parallel()
	database := keyportertest.Database(t)
	n := keyportertest.NewNode(t, database)
	_, secret := keyportertest.Token(t, n.Control, keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")
	release := make(chan struct{})
	apis, calls := slowAPI(t, release)
	p := keyportertest.Serve(t, exec.Command("keyporter"), map[string]any{"database": database, "stop_seconds": 60, "stop_delay_seconds": 1, "apis": apis})
	finished := make(chan *http.Response, 1)
	go func() {
		res, err := get(t, p, "/shop/wait", "ApiToken", secret.Reveal())
		if err != nil {
			t.Errorf("a call was cut off: %v", err)
		}
		finished <- res
	}()
	<-calls
	p.Signal(t, os.Interrupt)
	keyportertest.Eventually(t, "/healthz says that it stops", func() bool {
		res, err := get(t, p, "/healthz")
		return err == nil && res.StatusCode == http.StatusServiceUnavailable && res.Close
	})
	if res, err := get(t, p, "/shop/quick", "ApiToken", secret.Reveal()); err != nil || res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("during the delay, a call gets %v, %v", res, err)
	}
	keyportertest.Eventually(t, "it doesn't listen anymore", func() bool {
		_, err := get(t, p, "/healthz")
		return err != nil
	})
	close(release)
	if res := <-finished; res == nil || res.StatusCode != http.StatusOK || !res.Close {
		t.Errorf("the last call got %v", res)
	}
	if status := p.Status(t); status != 0 || strings.Contains(p.Output(), "level=WARN") {
		t.Errorf("the exit status is %d", status)
	}
}

// TestStoppingWithoutADatabase stops the program when the last counts can't be written.
func TestStoppingWithoutADatabase(t *testing.T) {
	t.Parallel()
	stopsInTime := func(t *testing.T, n *keyportertest.Node, settings map[string]any, breakIt func(stopped func())) {
		t.Helper()
		_, secret := keyportertest.Token(t, n.Control, keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")
		apis, _ := slowAPI(t, nil)
		settings["stop_seconds"], settings["apis"] = 2, apis
		p := keyportertest.Serve(t, exec.Command("keyporter"), settings)
		if res, err := get(t, p, "/shop/quick", "ApiToken", secret.Reveal()); err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		breakIt(func() {
			begun := time.Now()
			if status := p.Stop(t); status != 0 || !strings.Contains(p.Output(), "can't write the counts") {
				t.Errorf("the exit status is %d", status)
			}
			if took := time.Since(begun); took > 2*time.Second+grace {
				t.Errorf("stopping took %v instead of 2 s", took)
			}
		})
	}
	t.Run("a locked SQLite file", func(t *testing.T) {
		t.Parallel()
		path := keyportertest.SQLite(t)
		n := keyportertest.NewNode(t, path)
		stopsInTime(t, n, map[string]any{"database": path}, func(stopped func()) { n.WhileWriting(t, stopped) })
	})
	t.Run("a silent PostgreSQL", func(t *testing.T) {
		t.Parallel()
		near := postgres.New(t)
		line := keyportertest.NewLine(t, near)
		stopsInTime(t, keyportertest.NewNode(t, near), map[string]any{"database": line.URL}, func(stopped func()) {
			line.Mute()
			stopped()
		})
	})
}

// TestASecondSignalEndsTheProgramAtOnce has a call that would keep it from ending for a minute.
func TestASecondSignalEndsTheProgramAtOnce(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			path := keyportertest.SQLite(t)
			n := keyportertest.NewNode(t, path)
			_, secret := keyportertest.Token(t, n.Control, keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser), "Export")
			apis, calls := slowAPI(t, nil)
			p := keyportertest.Serve(t, exec.Command("keyporter"), map[string]any{"database": path, "stop_seconds": 3600, "apis": apis})
			go func() { _, _ = get(t, p, "/shop/silent", "ApiToken", secret.Reveal()) }()
			<-calls
			p.Signal(t, syscall.SIGTERM)
			keyportertest.Eventually(t, "stopping has begun", func() bool { return strings.Contains(p.Output(), "stopping") })
			time.Sleep(together)
			p.Signal(t, second)
			if status := p.Status(t); status != 128+int(second) {
				t.Errorf("the exit status is %d", status)
			}
		})
	}
}

// TestSignalsThatComeTogetherAreOne freezes the program until both signals wait for it, as a terminal and a process
// manager may send them.
func TestSignalsThatComeTogetherAreOne(t *testing.T) {
	t.Parallel()
	p := keyportertest.Serve(t, exec.Command("keyporter"), map[string]any{"database": keyportertest.SQLite(t), "stop_delay_seconds": 1})
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCONT} {
		p.Signal(t, s)
	}
	if status := p.Status(t); status != 0 {
		t.Errorf("the exit status is %d", status)
	}
}

// TestTheSecondSignal has each signal arrive at a time of the test's.
func TestTheSecondSignal(t *testing.T) {
	t.Parallel()
	signals, times, second := make(chan os.Signal), make(chan time.Time), make(chan os.Signal, 1)
	stopped := false
	go func() {
		second <- secondSignal(signals, func() { stopped = true }, func() time.Time { return <-times })
	}()
	for _, arrival := range []struct {
		signal os.Signal
		after  time.Duration
	}{{syscall.SIGTERM, 0}, {syscall.SIGINT, 0}, {syscall.SIGTERM, together - 1}, {syscall.SIGINT, together}} {
		select {
		case s := <-second:
			t.Fatalf("%s came with the first", s)
		case signals <- arrival.signal:
			times <- time.Unix(0, 0).Add(arrival.after)
		}
	}
	if s := <-second; s != syscall.SIGINT || !stopped {
		t.Errorf("the second is %s; stopped by the first: %v", s, stopped)
	}
}

// TestNothingButSignalsToStopEndsTheProgram closes its terminal, so to speak.
func TestNothingButSignalsToStopEndsTheProgram(t *testing.T) {
	t.Parallel()
	answers := func(t *testing.T, p *keyportertest.Process) {
		t.Helper()
		if res, err := get(t, p, "/healthz"); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("/healthz: %v, %v", res, err)
		}
	}
	stops := func(t *testing.T, p *keyportertest.Process) {
		t.Helper()
		if status := p.Stop(t); status != 0 {
			t.Errorf("the exit status is %d", status)
		}
	}
	commands := map[string][]string{
		"serve": {"serve", "--listen", "127.0.0.1:0", "--database"},
		"demo":  {"demo", "--listen", "127.0.0.1:0", "--data"},
	}
	for name, args := range commands {
		run := func(t *testing.T) *keyportertest.Process {
			t.Helper()
			return keyportertest.Run(t, exec.Command("keyporter", append(args, filepath.Join(t.TempDir(), "data"))...))
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := run(t)
			p.Signal(t, syscall.SIGHUP)
			keyportertest.Eventually(t, "it says that SIGHUP changes nothing", func() bool { return strings.Contains(p.Output(), "SIGHUP changes nothing") })
			answers(t, p)
			stops(t, p)
			if log := p.Output(); strings.Count(log, "SIGHUP") != 1 {
				t.Error(log)
			}
		})
		t.Run(name+" with nobody who reads", func(t *testing.T) {
			t.Parallel()
			p := run(t)
			p.StopReading()
			p.Signal(t, syscall.SIGHUP) // a line that nobody reads
			answers(t, p)
			stops(t, p)
		})
	}
}

// TestAHangupDoesNotCutACommandShort hangs up while a command waits for the rest of its input.
func TestAHangupDoesNotCutACommandShort(t *testing.T) {
	t.Parallel()
	path, input := keyportertest.SQLite(t), filepath.Join(t.TempDir(), "tokens.csv")
	n := keyportertest.NewNode(t, path)
	keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	if err := syscall.Mkfifo(input, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("keyporter", "token", "import", "--database", path, input)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(input, os.O_WRONLY, 0) // when the command opens it
	if err == nil {
		err = cmd.Process.Signal(syscall.SIGHUP)
	}
	if err == nil {
		_, err = io.WriteString(file, "login,name,token\nada@acme.example,Export,0123456789abcdef0123456789abcdef\n")
		_ = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
