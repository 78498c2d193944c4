package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// defaultStop is how long stopping may take, in seconds, unless the configuration says otherwise.
const defaultStop = 15

// validateStop reports what is wrong with the settings for stopping.
func (c Config) validateStop() (faults []error) {
	if c.StopSeconds < 0 || c.StopDelaySeconds < 0 {
		faults = append(faults, errors.New("stop_seconds and stop_delay_seconds can't be negative"))
	}
	if c.StopSeconds > 0 && c.StopDelaySeconds >= c.StopSeconds {
		faults = append(faults, fmt.Errorf("stop_delay_seconds: %d must be less than stop_seconds, which is %d and includes it", c.StopDelaySeconds, c.StopSeconds))
	}
	return faults
}

// stop is what Stop has to know.
type stop struct {
	within, delay time.Duration

	begun    atomic.Bool
	streams  chan struct{} // closed to end streams that would otherwise go on forever
	running  atomic.Int64  // calls, including websockets, which http.Server doesn't count
	endCalls context.CancelFunc
	calls    context.Context // of every call
}

func newStop(c Config) *stop {
	s := &stop{within: time.Duration(c.StopSeconds) * time.Second, delay: time.Duration(c.StopDelaySeconds) * time.Second, streams: make(chan struct{})}
	s.calls, s.endCalls = context.WithCancel(context.Background())
	return s
}

// reserve is the part of the time in which no call runs anymore and the last counts are written.
func (s *stop) reserve() time.Duration { return min(2*time.Second, s.within/4) }

// count counts the calls that are running, and has clients and proxies close their connections once
// stopping has begun.
func (s *stop) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.running.Add(1)
		defer s.running.Add(-1)
		if s.begun.Load() && r.Header.Get("Upgrade") == "" {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// await returns when no call is running anymore, or ctx ends.
func (s *stop) await(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.running.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Stop takes this Keyporter out of service within stop_seconds. From the beginning, /healthz says
// that it stops, and the counts in memory are written. After stop_delay_seconds, it stops
// listening and lets the calls in progress finish. It ends those that take too long, or longer
// than ctx, writes the last counts, and closes the database.
func (s *Server) Stop(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.shutDown(ctx) }()
	late := time.NewTimer(s.stop.within - s.stop.reserve()/8)
	defer late.Stop()
	select {
	case err := <-stopped:
		return err
	case <-late.C:
		s.log.Error("stopped without waiting for the database, which doesn't answer")
		return nil
	}
}

func (s *Server) shutDown(ctx context.Context) error {
	begun, reserve := time.Now(), s.stop.reserve()
	s.stop.begun.Store(true)
	s.log.Info("stopping", "calls", s.stop.running.Load())
	calls, cancel := context.WithDeadline(ctx, begun.Add(s.stop.within-reserve))
	defer cancel()
	var first sync.WaitGroup // what counts shouldn't wait for calls that take their time
	first.Go(func() { s.writeCounts(calls) })
	select {
	case <-calls.Done():
	case <-time.After(s.stop.delay):
	}
	s.drain(calls)
	first.Wait()
	last, cancel := context.WithDeadline(context.WithoutCancel(ctx), begun.Add(s.stop.within-reserve/4))
	defer cancel()
	s.stop.await(last)
	s.writeCounts(last)
	s.gateway.Close()
	s.soap.Close()
	s.cancel()
	s.jobs.Wait()
	return s.db.Close()
}

// drain stops listening, waits for the calls in progress, and ends those that still run when ctx
// ends.
func (s *Server) drain(ctx context.Context) {
	var doors sync.WaitGroup
	doors.Go(func() { s.envoy.stop(ctx) })
	_ = s.http.Shutdown(ctx) // fails only if ctx ends
	s.stop.await(ctx)
	if n := s.stop.running.Load(); n > 0 {
		s.log.Warn("ended the calls that were still running", "calls", n)
	}
	// In this order: once its context has ended, a call that wasn't answered yet would be
	// answered with nothing, which looks like success.
	_ = s.http.Close()
	s.stop.endCalls()
	doors.Wait()
}

// writeCounts writes the counts in memory.
func (s *Server) writeCounts(ctx context.Context) {
	if err := s.Usage.Flush(ctx); err != nil {
		s.log.Warn("can't write the counts while stopping", "error", err)
	}
}
