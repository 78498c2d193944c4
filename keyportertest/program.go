package keyportertest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is the real program, running with HTTPS on this machine, and a node on the same database,
// with which a test does what an operator does.
type Program struct {
	*Node

	URL         string
	Certificate string // path of the PEM file its clients must trust, as it trusts the servers that use it
	Key         string // path of the key
}

// ProgramConfig is what tests can change about a Program.
type ProgramConfig struct {
	Address string           // host and port; empty: a free one
	APIs    []map[string]any // as in the configuration file
}

// These are built once for all tests of a package.
var (
	program = sync.OnceValues(func() (string, error) { return buildProgram(false) })
	older   = sync.OnceValues(func() (string, error) { return buildProgram(true) })
	built   sync.Map // the folders they are in
)

// Binary returns the path of the program. The package must run its tests with Main.
func Binary(t testing.TB) string { return binary(t, program) }

// OlderBinary returns the path of the program as it was before the last migration: the same tree without
// it. The package must run its tests with Main.
func OlderBinary(t testing.TB) string { return binary(t, older) }

func binary(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("build Keyporter: %v", err)
	}
	return path
}

func buildProgram(older bool) (path string, err error) {
	list, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/keyporter/keyporter").Output()
	if err != nil {
		return "", err
	}
	root := strings.TrimSpace(string(list))
	dir, err := os.MkdirTemp("", "keyporter")
	if err != nil {
		return "", err
	}
	built.Store(dir, true)
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, without(root, older), 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "keyporter")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", path, "./cmd/keyporter")
	build.Dir, build.Stderr = root, os.Stderr
	return path, build.Run()
}

// without returns an overlay for the go command in which the last migration is missing, if last is set.
func without(root string, last bool) []byte {
	replace := map[string]string{}
	if all, _ := filepath.Glob(filepath.Join(root, "store", "migrations", "*.sql")); last && len(all) > 0 {
		replace[all[len(all)-1]] = ""
	}
	text, _ := json.Marshal(map[string]any{"Replace": replace}) // strings can always be marshaled
	return text
}

// removeProgram deletes what was built, if anything.
func removeProgram() {
	built.Range(func(dir, _ any) bool {
		if path, ok := dir.(string); ok {
			_ = os.RemoveAll(path)
		}
		return true
	})
}

// StartProgram starts Keyporter, and stops it when the test ends. The package must run its tests
// with Main.
func StartProgram(t testing.TB, cfg ProgramConfig) *Program {
	t.Helper()
	binary := Binary(t)
	dir := t.TempDir()
	certificate, key := Certificate(t, dir)
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	seal := sha256.Sum256([]byte("keyportertest")) // see Sealer
	write(t, filepath.Join(dir, "keys"), base64.StdEncoding.EncodeToString(seal[:]))
	database := filepath.Join(dir, "keyporter.db")
	text, err := json.Marshal(map[string]any{ // which is also YAML
		"listen": cfg.Address, "database": database, "key_file": filepath.Join(dir, "keys"), "tls_certificate": certificate, "tls_key": key,
		"app_registration": "quarantine", "scopes": scopesInFile(), "apis": cfg.APIs,
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "keyporter.yaml"), string(text))
	cmd := exec.Command(binary, "serve", "--config", filepath.Join(dir, "keyporter.yaml"))
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+certificate) // for the identity providers of its users
	p := &Program{Certificate: certificate, Key: key, URL: StartServer(t, cmd)}
	p.Node = NewNode(t, database)
	return p
}

func scopesInFile() (all []map[string]string) {
	for _, s := range Scopes() {
		all = append(all, map[string]string{"name": s.Name, "means": s.Means})
	}
	return all
}

// StartServer runs a program until the test ends, and returns the address it says it is ready at.
func StartServer(t testing.TB, cmd *exec.Cmd) (address string) {
	t.Helper()
	address, _ = RunServer(t, cmd)
	return address
}

// RunServer is StartServer with a function that stops the program before the test ends.
func RunServer(t testing.TB, cmd *exec.Cmd) (address string, stop func()) {
	t.Helper()
	if cmd.Stderr == nil {
		cmd.Stderr = t.Output()
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "ready at "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return at, stop
		}
	}
	t.Fatal("the program ended before it was ready")
	return "", nil
}

// FreeAddress returns a host and port of this machine that nothing listens on. Another program may
// take it first, so it is only for programs that must know their address before they start. Let the
// others listen on port 0.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Trust returns the TLS configuration of a client that trusts the certificate in a PEM file.
func Trust(t testing.TB, certificate string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(certificate)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("read %s: %v", certificate, err)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
