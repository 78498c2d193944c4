package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Server is a PostgreSQL server on a Unix socket.
type Server struct {
	dir      string // its data and its socket
	lock     *os.File
	cmd      *exec.Cmd
	out      bytes.Buffer
	more     []string // settings beside the usual ones
	admin    *pgxpool.Pool
	template func() error // creates the database called template, once
}

// settings make a server that is fast because it doesn't survive a crash of the machine, and that
// has enough connections for many nodes at once.
func settings() []string {
	return []string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"max_connections=1000", "shared_buffers=256MB", "autovacuum=off", "checkpoint_timeout=1h", "max_wal_size=4GB",
	}
}

func newServer(more ...string) (*Server, error) {
	removeAbandoned()
	dir, err := os.MkdirTemp(memory(), folderPrefix)
	if err != nil {
		return nil, err
	}
	s, err := newClient(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.more = more
	s.template = sync.OnceValue(s.makeTemplate)
	if err := s.init(); err != nil {
		s.admin.Close()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) init() (err error) {
	if s.lock, err = lockFolder(s.dir); err != nil {
		return err
	}
	cred, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	initdb := exec.Command(binary("initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s.Start()
}

// Start starts the server, or restarts it after Stop.
func (s *Server) Start() error {
	info, err := os.Stat(s.data())
	if err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-k", s.dir, "-h", ""}
	for _, setting := range append(settings(), s.more...) {
		args = append(args, "-c", setting)
	}
	s.cmd = exec.Command(binary("postgres"), args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.out, &s.out
	if err := start(s.cmd, info); err != nil {
		return err
	}
	return s.ready()
}

// start starts a server that ends with this process, as the user who owns its folder.
func start(cmd *exec.Cmd, folder os.FileInfo) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // ^C is for us: we stop the server when the tests have ended
	if owner, ok := folder.Sys().(*syscall.Stat_t); ok && os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig comes when the thread that started the process ends: keep it
		started <- cmd.Start()
		select {}
	}()
	return <-started
}

func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := s.admin.Ping(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			s.Stop() // no more output will come
			return fmt.Errorf("%w\n%s", err, s.out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Set changes a setting of the running server, unless it was started with one.
func (s *Server) Set(t testing.TB, name, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, statement := range []string{`ALTER SYSTEM SET ` + name + ` = '` + value + `'`, `SELECT pg_reload_conf()`} {
		if err := s.exec(ctx, statement); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
	}
}

// Stop stops the server at once, cutting its connections.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
}

func (s *Server) remove() {
	s.Stop()
	s.admin.Close()
	_ = os.RemoveAll(s.dir)
	_ = s.lock.Close()
}

// URL returns the address of a database on the server.
func (s *Server) URL(database string) string {
	return "postgres://postgres@/" + database + "?sslmode=disable&host=" + url.QueryEscape(s.dir)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// unprivileged returns the user who runs the server, or nil for our own: PostgreSQL refuses to run
// as root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is needed
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

// binary finds a program of the PostgreSQL server, or PgBouncer, even where Debian keeps it outside the PATH.
func binary(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found := []string{name}
	for _, folder := range []string{"/usr/sbin/", "/usr/lib/postgresql/*/bin/"} {
		more, _ := filepath.Glob(folder + name)
		found = append(found, more...)
	}
	return found[len(found)-1]
}
