//go:build linux

package main

import (
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"
)

// load is a client with several connections on one thread, so that it costs less than the programs
// it drives.
type load struct {
	addr     string
	requests [][]byte
	status   int // that every response must have
	conns    int
	next     int // index of the next request; continues from slot to slot
}

// figures are what a client measured in one slot.
type figures struct {
	count     int
	elapsed   time.Duration
	latencies []time.Duration // sorted
}

func (f *figures) rate() float64 { return float64(f.count) / f.elapsed.Seconds() }

// quantile returns the latency that a share q of the answers didn't exceed.
func (f *figures) quantile(q float64) time.Duration {
	if len(f.latencies) == 0 {
		return 0
	}
	return f.latencies[min(int(q*float64(len(f.latencies))), len(f.latencies)-1)]
}

// conn is a connection and the call it is waiting for.
type conn struct {
	fd     int
	sentAt time.Time
	buf    []byte
	got    int
}

// loop is a running slot.
type loop struct {
	*load
	figures

	epoll  int
	conns  map[int32]*conn
	idle   []*conn
	start  time.Time
	end    time.Time
	rate   float64 // calls a second; 0: as fast as they are answered
	busy   int     // calls waiting for an answer
	issued int
}

// run drives the program for d. With a rate, the latency of an answer counts from when its call was
// due, whether or not a connection was free then.
func (l *load) run(d time.Duration, rate float64) (_ figures, err error) {
	p := &loop{load: l, rate: rate, conns: map[int32]*conn{}}
	if p.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return figures{}, err
	}
	defer p.close()
	for range l.conns {
		if err := p.connect(); err != nil {
			return figures{}, fmt.Errorf("connect to %s: %w", l.addr, err)
		}
	}
	p.start = time.Now()
	p.end = p.start.Add(d)
	if err := p.drive(); err != nil {
		return figures{}, err
	}
	p.elapsed = time.Since(p.start)
	slices.Sort(p.latencies)
	return p.figures, nil
}

func (p *loop) connect() error {
	to, err := net.ResolveTCPAddr("tcp4", p.addr)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c := &conn{fd: fd, buf: make([]byte, 16<<10)}
	p.conns[int32(fd)] = c
	p.idle = append(p.idle, c)
	sa := &syscall.SockaddrInet4{Port: to.Port}
	copy(sa.Addr[:], to.IP.To4())
	if err := syscall.Connect(fd, sa); err != nil {
		return err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

func (p *loop) close() {
	for _, c := range p.conns {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(p.epoll)
}

// drive sends and receives until the time is up and the last answer is in.
func (p *loop) drive() error {
	var events [64]syscall.EpollEvent
	const patience = 10 * time.Second
	for now := p.start; ; now = time.Now() {
		if now.After(p.end.Add(patience)) {
			return fmt.Errorf("%s: %d answers are missing", p.addr, p.busy)
		}
		if err := p.sendDue(now); err != nil {
			return err
		}
		if p.busy == 0 && now.After(p.end) {
			return nil
		}
		n, err := syscall.EpollWait(p.epoll, events[:], p.wait())
		if err != nil && err != syscall.EINTR {
			return err
		}
		if n <= 0 && p.rate > 0 {
			pause := syscall.NsecToTimespec(int64(20 * time.Microsecond))
			_ = syscall.Nanosleep(&pause, nil) // a shorter pause is fine
		}
		for i := range max(n, 0) {
			if err := p.receive(p.conns[events[i].Fd]); err != nil {
				return err
			}
		}
	}
}

// wait returns how many milliseconds an empty poll takes, which is its resolution.
func (p *loop) wait() int {
	if p.rate > 0 {
		return 0
	}
	return 100
}

// sendDue sends the calls that are due on free connections.
func (p *loop) sendDue(now time.Time) error {
	for len(p.idle) > 0 && !now.After(p.end) {
		due := now
		if p.rate > 0 {
			due = p.start.Add(time.Duration(float64(p.issued) / p.rate * 1e9))
		}
		if due.After(now) {
			return nil
		}
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		c.sentAt, c.got = due, 0
		p.issued++
		p.busy++
		request := p.requests[p.next]
		p.next = (p.next + 1) % len(p.requests)
		if n, err := syscall.Write(c.fd, request); err != nil || n != len(request) {
			return fmt.Errorf("send to %s: %d of %d bytes: %w", p.addr, n, len(request), err)
		}
	}
	return nil
}

// receive reads what has arrived. After a complete answer, the connection is free again.
func (p *loop) receive(c *conn) error {
	n, err := syscall.Read(c.fd, c.buf[c.got:])
	if err == syscall.EAGAIN { //nolint:errorlint // an Errno as it comes from the system call
		return nil
	}
	if err != nil || n <= 0 {
		return fmt.Errorf("%s closed a connection: %w", p.addr, err)
	}
	c.got += n
	whole, err := wholeAnswer(c.buf[:c.got], p.status)
	if err != nil || !whole {
		return err
	}
	p.latencies = append(p.latencies, time.Since(c.sentAt))
	p.count++
	p.busy--
	p.idle = append(p.idle, c)
	return nil
}
