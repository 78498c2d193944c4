package postgres

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Bouncer starts PgBouncer in front of the database at address until the test ends, and returns the
// address of the database through it. The mode is session, transaction, or statement. More settings are
// lines of its configuration.
func Bouncer(t testing.TB, address, mode string, more ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	dir := socketFolder(t)
	query := u.Query()
	ini := fmt.Sprintf("[databases]\n* = host=%s user=postgres\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = %s\nauth_type = any\npool_mode = %s\n%s\n", query.Get("host"), dir, mode, strings.Join(more, "\n"))
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(ini), 0o644); err != nil { //nolint:gosec // another user has to read it
		t.Fatal(err)
	}
	if _, err := unprivileged(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(binary("pgbouncer"), path)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := start(cmd, info); err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		if err := <-ended; err != nil && err.Error() != "signal: killed" {
			t.Errorf("PgBouncer ended: %v\n%s", err, out.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.6432")); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("PgBouncer isn't ready")
		}
	}
	query.Set("host", dir)
	query.Set("port", "6432")
	u.RawQuery = query.Encode()
	return u.String()
}
