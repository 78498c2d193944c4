package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// line is one line of the stream.
type line struct {
	Hello bool  `json:"hello"`
	LagMS int64 `json:"lag_ms"`
	Beat  bool  `json:"beat"`
	AgoMS int64 `json:"ago_ms"` // every change made before then has been sent
	Reset bool  `json:"reset"`
	Drop  *drop `json:"drop"`
}

// drop says what a change affects, by the ID of one thing.
type drop struct {
	Credential   string `json:"credential"`
	Connection   string `json:"connection"`
	App          string `json:"app"`
	User         string `json:"user"`
	Organization string `json:"organization"` // with a user: their organization
	Kind         string `json:"kind"`         // with an organization: access_token if the change affects no other credentials
}

// touches reports whether the change may affect a credential. A drop that this package doesn't
// understand affects all of them.
func (d drop) touches(i *Introspection) bool {
	switch {
	case d.Credential != "":
		return i.ID == d.Credential
	case d.Connection != "":
		return i.Connection == d.Connection
	case d.App != "":
		return i.App == d.App
	case d.User != "":
		// An organization token can act for any user of the organization.
		return i.Subject == d.User || i.Actor == d.User || i.Kind == organizationToken && i.Organization == d.Organization
	case d.Organization != "":
		return i.Organization == d.Organization && (d.Kind != accessToken || i.App != "")
	}
	return true
}

const (
	maxLine  = 64 << 10 // bytes of a line of the stream
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// follow keeps the stream open until ctx ends.
func (c *Client) follow(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		began := time.Now()
		err := c.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxPause {
			pause = minPause
		}
		c.log.Warn("the stream of changes from Keyporter has ended; asking about each call until it is back", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause)): //nolint:gosec // spreads out clients that lost a node at the same moment; nobody gains by guessing it
		}
		pause = min(2*pause, maxPause)
	}
}

var errSilent = errors.New("nothing has arrived for too long")

// stream reads the stream until it ends. It gives up on a stream that is silent for twice
// Config.Silence, because a dead connection may never report an error.
func (c *Client) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := 2 * c.cfg.Silence
	watch := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer watch.Stop()

	r, err := c.request(ctx, http.MethodGet, pathChanges, nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return errors.Join(unavailable(err), context.Cause(ctx))
	}
	defer res.Body.Close()
	if err := statusError(res); err != nil {
		return err
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	greeted := false
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil || !greeted && !l.Hello {
			return fmt.Errorf("%w: the response isn't its stream of changes", ErrUnavailable)
		}
		if !greeted {
			c.log.Info("the stream of changes from Keyporter is open")
		}
		greeted = true
		watch.Reset(patience)
		c.hear(l)
	}
	if lines.Err() == nil {
		return fmt.Errorf("%w: it ended the stream", ErrUnavailable)
	}
	return errors.Join(unavailable(lines.Err()), context.Cause(ctx))
}

// hear acts on a line of the stream.
func (c *Client) hear(l line) {
	now := time.Now()
	switch {
	case l.Hello:
		c.memory.setLag(milliseconds(l.LagMS))
		c.memory.reset(now)
		c.memory.heardAt(now.Add(-milliseconds(l.AgoMS)))
	case l.Drop != nil:
		c.memory.drop(*l.Drop, now)
	case l.Beat:
		c.memory.heardAt(now.Add(-milliseconds(l.AgoMS)))
	default:
		c.memory.reset(now) // a line we don't understand may announce any change
	}
}

// maxDelay caps the durations in the stream.
const maxDelay = time.Minute

func milliseconds(n int64) time.Duration {
	return time.Duration(min(max(0, n), maxDelay.Milliseconds())) * time.Millisecond
}
