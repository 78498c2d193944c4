package postgres

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Commit is what a Relay does with the next COMMIT.
type Commit int

// What a Relay can do with a COMMIT.
const (
	Answered Commit = iota // as if there were no relay
	Lost                   // the connection breaks before the server gets it
	Unheard                // the connection breaks when the server has answered
	Silent                 // the server's answer never comes
	Late                   // the server gets it when OnCommit is next called
)

// Relay is between Keyporter and a PostgreSQL server, and breaks connections at the worst moment.
type Relay struct {
	URL string // of the database, through the relay

	socket string // of the server
	mu     sync.Mutex
	next   Commit
	closed bool // to new connections
	late   chan struct{}
}

// NewRelay puts a relay before the database at address.
func NewRelay(t testing.TB, address string) *Relay {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	dir := socketFolder(t)
	r := &Relay{socket: (&Server{dir: query.Get("host")}).Socket(), late: make(chan struct{})}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", (&Server{dir: dir}).Socket())
	if err != nil {
		t.Fatal(err)
	}
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	r.URL = u.String()
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		r.OnCommit(Answered, false)
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.relay(client) })
		}
	})
	return r
}

// OnCommit says what happens to the next COMMIT. With closed, no connection is accepted after it.
func (r *Relay) OnCommit(next Commit, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.late)
	r.next, r.closed, r.late = next, closed, make(chan struct{})
}

// take returns what to do with what a client has sent, and until when it's late.
func (r *Relay) take(sent []byte) (Commit, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !bytes.Contains(sent, []byte("COMMIT\x00")) {
		return Answered, nil
	}
	defer func() { r.next = Answered }()
	return r.next, r.late
}

func (r *Relay) refuses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed && r.next == Answered // the commit has come
}

func (r *Relay) relay(client net.Conn) {
	defer func() { _ = client.Close() }()
	if r.refuses() {
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "unix", r.socket)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var now atomic.Int32 // what happens to answers
	go func() {
		defer func() { _ = client.Close() }()
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || Commit(now.Load()) == Unheard {
				return
			}
			if Commit(now.Load()) == Answered {
				_, _ = client.Write(buf[:n])
			}
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		do, late := r.take(buf[:n])
		switch do {
		case Lost:
			return
		case Late:
			<-late
		}
		if do != Answered {
			now.Store(int32(do))
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
