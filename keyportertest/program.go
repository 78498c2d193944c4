package keyportertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Program is the real program, running with HTTPS on this machine, and a node on the same database,
// with which a test does what an operator does.
type Program struct {
	*Node
	*Process

	Certificate string // path of the PEM file its clients must trust, as it trusts the servers that use it
	Key         string // path of the key
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
	build := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", overlay, "-o", path, "./cmd/keyporter")
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

// StartProgram starts Keyporter with these settings, as in the configuration file, on an empty
// database. The package must run its tests with Main.
func StartProgram(t testing.TB, settings map[string]any) *Program {
	t.Helper()
	database := EmptySQLite(t)
	certificate, key := Certificate(t, t.TempDir())
	all := map[string]any{"database": database, "tls_certificate": certificate, "tls_key": key, "app_registration": "quarantine", "scopes": scopesInFile()}
	maps.Copy(all, settings)
	cmd := exec.Command(Binary(t))
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+certificate) // for the identity providers of its users
	return &Program{Process: Serve(t, cmd, all), Node: NewNode(t, database), Certificate: certificate, Key: key}
}

func scopesInFile() (all []map[string]string) {
	for _, s := range Scopes() {
		all = append(all, map[string]string{"name": s.Name, "means": s.Means})
	}
	return all
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
