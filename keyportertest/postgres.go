package keyportertest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresServer is a PostgreSQL server of a test's own, on a Unix socket.
type PostgresServer struct {
	dir string
	cmd *exec.Cmd
	out bytes.Buffer
}

var (
	sharedPostgres = sync.OnceValues(newPostgres)
	databases      atomic.Int64
)

// Main runs the tests of a package and then ends what they shared: a PostgreSQL server,
// and the program as it was built.
func Main(m *testing.M) {
	code := m.Run()
	StopPostgres()
	removeProgram()
	os.Exit(code)
}

// StopPostgres stops the server that Postgres started, if it did.
func StopPostgres() {
	if databases.Load() == 0 {
		return
	}
	if s, err := sharedPostgres(); err == nil {
		s.remove()
	}
}

// Postgres returns the address of a new, empty PostgreSQL database. The server is
// started once for the tests of a package, which has to run them by Main.
func Postgres(t testing.TB) string {
	t.Helper()
	databases.Add(1)
	s, err := sharedPostgres()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return s.Database(t)
}

// StartPostgres starts a server that the test may stop.
func StartPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := newPostgres()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(s.remove)
	return s
}

// Database makes a new database on the server and returns its address.
func (s *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	name := fmt.Sprintf("test%d", databases.Add(1))
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	return s.URL(name)
}

// URL returns the address of a database on the server.
func (s *PostgresServer) URL(database string) string {
	return "postgres://postgres@/" + database + "?sslmode=disable&host=" + url.QueryEscape(s.dir)
}

// Socket returns the path of the server's socket.
func (s *PostgresServer) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

func newPostgres() (*PostgresServer, error) {
	dir, err := os.MkdirTemp("", "keyporter-postgres-")
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{dir: dir}
	cred, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(binary("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.Start()
}

// Start starts the server, again after Stop.
func (s *PostgresServer) Start() error {
	info, err := os.Stat(filepath.Join(s.dir, "data"))
	if err != nil {
		return err
	}
	s.cmd = exec.Command(binary("postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-h", "", "-c", "fsync=off", "-c", "max_connections=200")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Getuid() == 0 {
		s.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig comes when the thread that started the process ends: keep it
		started <- s.cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return err
	}
	return s.ready()
}

func (s *PostgresServer) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w\n%s", err, s.out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop stops the server at once, cutting its connections.
func (s *PostgresServer) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
}

func (s *PostgresServer) remove() {
	s.Stop()
	_ = os.RemoveAll(s.dir)
}

// unprivileged returns who shall run the server, nil for ourselves: it refuses to run as root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user has to enter it
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// binary finds a program of the PostgreSQL server, also where Debian keeps it off the path.
func binary(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}
