package control

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// At most this many password hashes wait for their turn: those of people who have proved before who
// they are, those of strangers, and, of either, those from one place. They wait for less than a second.
const (
	maxWaiting      = 16
	maxWaitingAlone = 8
)

// hashQueue lets password hashes take turns, so that a rush of sign-ins neither uses up the memory
// nor slows down checks: one processor is left for them, if there are two.
type hashQueue struct {
	running chan struct{}

	mu      sync.Mutex
	waiting map[string]int // by place
	known   int            // of these, the ones of people who have proved who they are
}

func newHashQueue() *hashQueue {
	return &hashQueue{running: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), waiting: map[string]int{}}
}

// waiter is whose password is hashed.
type waiter struct {
	actor   keyporter.Actor
	browser string // ID of a browser that they have signed in with before; may be empty
}

// place returns where the waiter comes from, and whether they have proved before who they are.
func (w waiter) place() (place string, known bool) {
	switch {
	case w.actor.Trusted():
		return "machine", true
	case w.actor.User.ID != "":
		return "user " + string(w.actor.User.ID), true
	case w.browser != "":
		return "browser " + w.browser, true
	}
	return "address " + keyporter.Network(w.actor.Address), false
}

// wait returns when it is the waiter's turn; they must call done. If too many are waiting, the error is
// Unavailable.
func (q *hashQueue) wait(ctx context.Context, who waiter) (done func(), err error) {
	place, known := who.place()
	if !q.enter(place, known) {
		return nil, &keyporter.Error{Kind: keyporter.Unavailable, Message: "Too many people are signing in at the moment.", RetryAfter: 2 * time.Second}
	}
	defer q.leave(place, known)
	select {
	case q.running <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a password hash: %w", ctx.Err())
	}
	done = func() { <-q.running }
	if err := ctx.Err(); err != nil { // select picks any of two that are ready
		done()
		return nil, fmt.Errorf("wait for a password hash: %w", err)
	}
	return done, nil
}

func (q *hashQueue) enter(place string, known bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := 0
	for _, n := range q.waiting { // at most 32
		all += n
	}
	if n := q.waiting[place]; n >= maxWaitingAlone || known && q.known >= maxWaiting || !known && all-q.known >= maxWaiting {
		return false
	}
	q.waiting[place]++
	if known {
		q.known++
	}
	return true
}

func (q *hashQueue) leave(place string, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[place]--; q.waiting[place] == 0 {
		delete(q.waiting, place)
	}
	if known {
		q.known--
	}
}
