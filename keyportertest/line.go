package keyportertest

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Line is a network connection to a server that a test can disturb.
type Line struct {
	Address string       // host and port of this end
	Carried atomic.Int64 // bytes sent to the server

	network, to string

	mu    sync.Mutex
	down  bool
	muted bool
	open  map[net.Conn]bool // both ends of each connection; true: what is sent is lost
}

// NewLine returns a line to a server at an address of a network, tcp or unix.
func NewLine(t testing.TB, network, to string) *Line {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{Address: listener.Addr().String(), network: network, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		l.Down()
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go l.connect(in)
		}
	}()
	return l
}

func (l *Line) connect(in net.Conn) {
	out, err := (&net.Dialer{}).DialContext(context.Background(), l.network, l.to)
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
	l.open[in], l.open[out] = l.muted, l.muted
	l.mu.Unlock()
	go l.carry(out, in, &l.Carried)
	l.carry(in, out, new(atomic.Int64))
}

func (l *Line) carry(to, from net.Conn, count *atomic.Int64) {
	defer func() {
		_, _ = to.Close(), from.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, from)
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if l.swallows(from) {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		count.Add(int64(n))
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (l *Line) swallows(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[conn]
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
		l.open[conn] = true
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
	l.down, l.muted = false, false
}
