package keyportertest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Line is a network connection to a server that a test can listen to and disturb.
type Line struct {
	Address string // host and port of this end
	URL     string // of the server, over this line

	mu        sync.Mutex
	sent      strings.Builder // to the server
	open      map[net.Conn]fate
	down      bool
	muted     bool
	next      Commit
	downAfter bool          // the next COMMIT
	mended    chan struct{} // closed by Mend
}

// fate is what happens to what one end of a connection sends.
type fate int

const (
	carried fate = iota
	lost
	breaking // it is lost, and the connection breaks
)

// Commit is what happens to a COMMIT that a client sends to PostgreSQL.
type Commit int

// What can happen to a COMMIT.
const (
	CommitAnswered Commit = iota // nothing out of the ordinary
	CommitLost                   // the connection breaks before the server gets it
	CommitUnheard                // the connection breaks when the server answers
	CommitSilent                 // the server's answer never comes
	CommitLate                   // the server gets it when the line is mended, and its answer never comes
)

// NewLine returns a line to the server at a URL: http, or that of a PostgreSQL database.
func NewLine(t testing.TB, to string) *Line {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	network, address, query := "tcp", u.Host, u.Query()
	if folder := query.Get("host"); folder != "" {
		network, address = "unix", filepath.Join(folder, ".s.PGSQL.5432")
		query.Del("host")
	}
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	l := &Line{Address: u.Host, URL: u.String(), open: map[net.Conn]fate{}, mended: make(chan struct{})}
	t.Cleanup(func() {
		_ = listener.Close()
		l.Mend()
		l.Down()
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go l.connect(in, network, address)
		}
	}()
	return l
}

func (l *Line) connect(in net.Conn, network, address string) {
	out, err := (&net.Dialer{}).DialContext(context.Background(), network, address)
	if err != nil {
		_ = in.Close()
		return
	}
	l.mu.Lock()
	if l.down {
		l.mu.Unlock()
		_, _ = in.Close(), out.Close()
		return
	}
	l.open[in], l.open[out] = carried, carried
	if l.muted {
		l.open[in], l.open[out] = lost, lost
	}
	l.mu.Unlock()
	go l.carry(out, in, func(sent []byte) bool { return l.arrives(sent, out) })
	l.carry(in, out, func([]byte) bool { return true })
}

func (l *Line) carry(to, from net.Conn, arrives func(sent []byte) bool) {
	defer func() {
		_, _ = to.Close(), from.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, from)
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		switch l.fate(from) {
		case carried:
		case lost:
			_, _ = io.Copy(io.Discard, from)
			return
		case breaking:
			return
		}
		if !arrives(buf[:n]) {
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (l *Line) fate(conn net.Conn) fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[conn]
}

// arrives reports whether the server is to get what was sent. If that has the COMMIT that OnCommit is
// about, it decides the fate of the answer, too.
func (l *Line) arrives(sent []byte, server net.Conn) bool {
	l.mu.Lock()
	l.sent.Write(sent)
	if l.next == CommitAnswered || !bytes.Contains(sent, []byte("COMMIT\x00")) {
		l.mu.Unlock()
		return true
	}
	commit, mended := l.next, l.mended
	l.next, l.down = CommitAnswered, l.down || l.downAfter
	l.open[server] = lost
	if commit == CommitUnheard {
		l.open[server] = breaking
	}
	l.mu.Unlock()
	if commit == CommitLate {
		<-mended
	}
	return commit != CommitLost
}

// Sent returns all that was sent to the server.
func (l *Line) Sent() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent.String()
}

// OnCommit says what happens to the next COMMIT. With down, no new connection works after it.
func (l *Line) OnCommit(next Commit, down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next, l.downAfter = next, down
}

// Cut breaks all connections. New ones work.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		_ = conn.Close()
	}
	clear(l.open)
}

// Down breaks all connections, and allows no new ones until Mend.
func (l *Line) Down() {
	l.mu.Lock()
	l.down = true
	l.mu.Unlock()
	l.Cut()
}

// Stall loses whatever is sent over the open connections without breaking them, like a network that
// drops packets. New connections work.
func (l *Line) Stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		l.open[conn] = lost
	}
}

// Mute is Stall for open and new connections, until Mend.
func (l *Line) Mute() {
	l.mu.Lock()
	l.muted = true
	l.mu.Unlock()
	l.Stall()
}

// Mend makes new connections work again. Those that stalled remain so.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.mended)
	l.down, l.muted, l.next, l.mended = false, false, CommitAnswered, make(chan struct{})
}
