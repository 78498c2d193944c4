package control

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// How many password hashes may wait for their turn. The last one waits for less than a second.
const (
	maxWaiting        = 16 // of strangers and, apart from them, of people who have proved before who they are
	maxWaitingNetwork = 8  // of strangers from one network
	maxWaitingUser    = 4  // of one person
)

// hashQueue lets password hashes take turns, so that a rush of sign-ins neither uses up the memory
// nor slows down checks: one processor is left for them, if there are two.
type hashQueue struct {
	running chan struct{}

	mu               sync.Mutex
	waiting          map[string]int // by place
	known, strangers int            // those of people who have proved before who they are, and the others
}

func newHashQueue() *hashQueue {
	return &hashQueue{running: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), waiting: map[string]int{}}
}

// waiter is whose password is hashed.
type waiter struct {
	actor keyporter.Actor
	user  keyporter.ID // who has signed in before with the browser they use; may be empty
}

// place returns where the waiter comes from, and whether they have proved before who they are.
func (w waiter) place() (place string, known bool) {
	switch {
	case w.actor.Trusted():
		return "machine", true
	case w.actor.User.ID != "":
		return "user " + string(w.actor.User.ID), true
	case w.user != "":
		return "user " + string(w.user), true
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
	lane, atPlace := &q.strangers, maxWaitingNetwork
	if known {
		lane, atPlace = &q.known, maxWaitingUser
	}
	if *lane >= maxWaiting || q.waiting[place] >= atPlace {
		return false
	}
	*lane++
	q.waiting[place]++
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
	} else {
		q.strangers--
	}
}
