// Package postgres gives tests a real PostgreSQL: New is the address of a database with
// the current schema, Empty of one with nothing in it.
//
// Their server starts when a test first needs one. It listens on a Unix socket only, and
// ends with the process that started it, also when that is killed. The tests of a package
// share it; under Share, all packages do. A test that stops a server starts its own.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/keyporter/keyporter/store"
)

// Variable names the environment variable through which processes share a server: it has the
// server's folder.
const Variable = "KEYPORTER_TEST_POSTGRES"

// template is the name of the database with the current schema that New copies.
const template = "keyporter_template"

var (
	shared  = sync.OnceValues(find)
	started atomic.Pointer[Server] // by find
	made    atomic.Int64           // databases so far
)

// New returns the address of a new database with the current schema.
func New(t testing.TB) string {
	t.Helper()
	return sharedServer(t).New(t)
}

// Empty returns the address of a new database with nothing in it.
func Empty(t testing.TB) string {
	t.Helper()
	return sharedServer(t).Empty(t)
}

// Start starts a server that the test may stop, with these settings beside the usual ones.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := newServer(settings...)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(s.remove)
	return s
}

// Stop stops the server that New or Empty started, if any. A package whose tests use them calls it
// at the end.
func Stop() {
	if s := started.Load(); s != nil {
		s.remove()
	}
}

// Share starts a server for processes that get the environment variable it returns, until stop is
// called.
func Share() (variable string, stop func(), err error) {
	s, err := newServer()
	if err != nil {
		return "", nil, err
	}
	if err := s.makeTemplate(); err != nil {
		s.remove()
		return "", nil, err
	}
	return Variable + "=" + s.dir, s.remove, nil
}

// newClient returns a server with this folder, which needn't run yet.
func newClient(dir string) (s *Server, err error) {
	s = &Server{dir: dir}
	s.admin, err = pgxpool.New(context.Background(), s.URL("postgres")+"&pool_max_conns=2")
	return s, err
}

func sharedServer(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return s
}

// find returns the server that was shared with this process, or starts one.
func find() (*Server, error) {
	if dir := os.Getenv(Variable); dir != "" {
		s, err := newClient(dir)
		if err == nil {
			s.template = func() error { return nil } // Share created it
		}
		return s, err
	}
	s, err := newServer()
	if err == nil {
		started.Store(s)
	}
	return s, err
}

// New returns the address of a new database with the current schema.
func (s *Server) New(t testing.TB) string {
	t.Helper()
	if err := s.template(); err != nil {
		t.Fatalf("make a database with the current schema: %v", err)
	}
	// Otherwise, PostgreSQL writes the copy to its log, which takes twice as much CPU.
	return s.create(t, "TEMPLATE "+template+" STRATEGY file_copy")
}

// Empty returns the address of a new database with nothing in it.
func (s *Server) Empty(t testing.TB) string {
	t.Helper()
	return s.create(t, "")
}

func (s *Server) makeTemplate() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.exec(ctx, `CREATE DATABASE `+template); err != nil {
		return err
	}
	db, err := store.Open(ctx, s.URL(template), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return db.Close()
}

// create creates a database, and drops it when the test ends.
func (s *Server) create(t testing.TB, options string) (url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), made.Add(1))
	if err := s.exec(ctx, strings.TrimSpace(`CREATE DATABASE `+name+` `+options)); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`) // the test may have stopped the server
	})
	return s.URL(name)
}

// exec runs a statement on a connection that is kept, because each costs the server a process.
func (s *Server) exec(ctx context.Context, statement string) (err error) {
	for range 2 { // the test may have restarted the server
		var conn *pgxpool.Conn
		if conn, err = s.admin.Acquire(ctx); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, statement)
		broken := conn.Conn().IsClosed()
		if conn.Release(); !broken {
			return err
		}
	}
	return err
}
