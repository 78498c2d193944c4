package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// How live pages learn of what happens.
const (
	liveLook  = time.Second      // at calls that this node counted, and at what has changed
	liveRead  = 5 * time.Second  // of the database: new tokens, and what other nodes counted
	liveWrite = 10 * time.Second // for a browser to take an event
)

// The most streams that are open at a time.
const (
	maxStreams       = 500
	maxStreamsOfUser = 10
)

// streams counts the open streams.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[keyporter.ID]int // user
}

func (s *streams) enter(user keyporter.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.of[user] >= maxStreamsOfUser {
		return false
	}
	if s.of == nil {
		s.of = map[keyporter.ID]int{}
	}
	s.all++
	s.of[user]++
	return true
}

func (s *streams) leave(user keyporter.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[user]--; s.of[user] == 0 {
		delete(s.of, user)
	}
}

// stream tells a browser about the reader's own tokens or connections, by server-sent events: "row" for one that is new or has
// changed, "gone" for one that is gone, both with its ID, and "ended" once the session has ended.
type stream struct {
	c     *console
	r     *http.Request
	w     http.ResponseWriter
	conn  *http.ResponseController
	list  lister
	seen  map[keyporter.ID]string    // what was last told of each
	calls map[keyporter.ID]time.Time // the last one of each that this node counted
	stale bool                       // something has changed that may be about them
}

// lister returns a text about each of the latest of the actor's things, which differs whenever its row does. all is false if there
// may be more of them.
type lister func(context.Context, keyporter.Actor) (texts map[keyporter.ID]string, all bool, err error)

func (c *console) liveTokens(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.live(w, r, actor, func(ctx context.Context, actor keyporter.Actor) (map[keyporter.ID]string, bool, error) {
		tokens, err := c.Control.Tokens(ctx, actor, keyporter.UserToken, "")
		texts := map[keyporter.ID]string{}
		for _, t := range tokens {
			texts[t.ID] = fmt.Sprint(t.Name, t.Enabled, t.ExpiresAt.UnixMilli(), useText(t.Use))
		}
		return texts, len(tokens) < control.MaxPage, err
	})
}

func (c *console) liveConnections(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	return c.live(w, r, actor, func(ctx context.Context, actor keyporter.Actor) (map[keyporter.ID]string, bool, error) {
		page, err := c.Control.ListConnections(ctx, actor, control.ConnectionList{})
		texts := map[keyporter.ID]string{}
		for _, conn := range page.Connections {
			texts[conn.ID] = fmt.Sprint(conn.App.Name, conn.App.Publisher, conn.App.ImageAt, conn.Scopes, conn.WhyNot, conn.ReplayedAt, useText(conn.Use))
		}
		return texts, len(page.Connections) < control.MaxPage, err
	})
}

func useText(u keyporter.TokenUse) string {
	last, _ := u.Last()
	return fmt.Sprint(" ", last.LastAt.UnixMilli(), u.Allowed, u.Refused)
}

func (c *console) live(w http.ResponseWriter, r *http.Request, actor keyporter.Actor, list lister) error {
	if r.Method == http.MethodHead {
		return nil
	}
	if !c.streams.enter(actor.User.ID) {
		return &keyporter.Error{Kind: keyporter.TooMany, Message: "You have too many pages open.", RetryAfter: time.Minute}
	}
	defer c.streams.leave(actor.User.ID)
	watch := c.Checker.Watch()
	defer watch.End()
	s := &stream{c: c, r: r, w: w, conn: http.NewResponseController(w), list: list, calls: map[keyporter.ID]time.Time{}}
	if err := s.read(actor, true); err != nil {
		return err
	}
	_ = s.conn.SetReadDeadline(time.Time{}) // which the server sets for pages; each event has a deadline of its own
	w.Header().Set("Content-Type", "text/event-stream")
	if s.write(": live\n\n") != nil {
		return nil
	}
	look, read := time.NewTicker(liveLook), time.NewTicker(liveRead)
	defer look.Stop()
	defer read.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-c.Stopping:
			return nil
		case <-watch.Ready():
			s.stale = s.stale || s.concerns(watch.Take(), actor) // many changes at once are read once
		case <-look.C:
			if err = s.look(actor); err == nil && s.stale {
				err = s.again()
			}
		case <-read.C:
			err = s.again()
		}
		if err != nil { // it was written as far as possible, or the browser is gone
			return nil
		}
	}
}

// concerns reports whether what changed may be about what is shown.
func (s *stream) concerns(drops []verify.Drop, actor keyporter.Actor) bool {
	for _, d := range drops {
		if id := cmp.Or(d.Credential, d.Connection); id != "" {
			if _, shown := s.seen[id]; shown {
				return true
			}
			continue
		}
		if d.User == actor.User.ID || d.User == "" && (d.Organization == "" || d.Organization == actor.User.OrganizationID) {
			return true
		}
	}
	return false
}

// again reads them again, as long as the session lasts.
func (s *stream) again() error {
	ctx, cancel := context.WithTimeout(s.r.Context(), liveWrite)
	defer cancel()
	s.stale = false
	actor, err := s.c.Control.UnattendedSession(ctx, s.c.nobody(s.r), web.Session(s.r, s.c.Proxies))
	if keyporter.KindOf(err) == keyporter.Unauthorized {
		_ = s.event("ended", "")
		return err
	}
	if err != nil {
		return nil // the database may be back the next time
	}
	return s.read(actor, false)
}

// look tells of those with calls that this node has counted since the last time.
func (s *stream) look(actor keyporter.Actor) error {
	last, err := s.c.Control.LastCalls(s.r.Context(), actor)
	if keyporter.KindOf(err) == keyporter.Unauthorized {
		_ = s.event("ended", "")
		return err
	}
	for id, at := range last { // none if the database is gone for a while
		if _, shown := s.seen[id]; !shown || s.calls[id].Equal(at) {
			continue
		}
		s.calls[id] = at
		if err := s.event("row", id); err != nil {
			return err
		}
	}
	return nil
}

// read reads what is shown, and tells what is different since the last time, unless it is the first.
func (s *stream) read(actor keyporter.Actor, first bool) error {
	seen, all, err := s.list(s.r.Context(), actor)
	if err != nil {
		if first {
			return err
		}
		return nil // as in again
	}
	before := s.seen
	s.seen = seen
	for _, id := range slices.Sorted(maps.Keys(seen)) { // the oldest one first, so that the latest ends up on top
		if !first && before[id] != seen[id] {
			if err := s.event("row", id); err != nil {
				return err
			}
		}
	}
	for id := range before {
		if _, still := seen[id]; !still && all {
			if err := s.event("gone", id); err != nil {
				return err
			}
		}
	}
	if first {
		return nil
	}
	return s.write(": beat\n\n")
}

func (s *stream) event(name string, id keyporter.ID) error {
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, id))
}

func (s *stream) write(text string) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(liveWrite))
	_, err := s.w.Write([]byte(text))
	if err == nil {
		err = s.conn.Flush()
	}
	return err
}

// showRow answers with the row of a token, and with what came of its first call.
func (c *console) showRow(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	row, err := c.row(r, actor)
	if err != nil {
		return err
	}
	if row.LastUse == nil || row.OfOrganization() || r.URL.Query().Get("first") == "" {
		return c.render(w, http.StatusOK, "tokens", "row-alone", row)
	}
	if row.FirstCall, err = c.firstCall(r, actor, row); err != nil {
		return err
	}
	return c.render(w, http.StatusOK, "tokens", "row-alone", row)
}

// firstCall returns what came of the last call with a new token. A refusal for a cause that is gone by now is no news: the page
// waits for another call.
func (c *console) firstCall(r *http.Request, actor keyporter.Actor, row tokenRow) (*firstCall, error) {
	if !row.LastUse.LastRefused() {
		report, err := c.Control.Report(r.Context(), actor, row.ID, 1)
		if err != nil || len(report.Calls) == 0 {
			return &firstCall{Allowed: true}, err
		}
		status := report.Calls[0].Status
		return &firstCall{Allowed: true, Status: status, Fault: answerFault(status)}, nil
	}
	refusals, err := c.Control.Refusals(r.Context(), actor, row.ID)
	switch {
	case err != nil || len(refusals) == 0:
		return &firstCall{}, err
	case refusals[0].Reason == keyporter.ReasonDisabled && row.Enabled:
		return nil, nil //nolint:nilnil // no news isn't an error
	}
	return &firstCall{Cause: refusals[0].Cause, RequestID: refusals[0].RequestID}, nil
}

// firstCall is what came of the first call with a new token.
type firstCall struct {
	Allowed   bool
	Status    int    // that the API answered with; 0: unknown
	Fault     string // what is wrong with that
	Cause     string // why it was refused
	RequestID string
}

// answerFault says what is wrong with what the API answered to an allowed call, or nothing if it is fine or unknown.
func answerFault(status int) string {
	but := fmt.Sprintf("Keyporter allowed the call, but the API answered %d.", status)
	switch {
	case status < 400:
		return ""
	case status == http.StatusNotFound:
		return but + " Keyporter passes the path on unchanged: does the API have it?"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return but + " The API doesn’t get the token: headers from Keyporter say who is calling."
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return fmt.Sprintf("Keyporter allowed the call, but the API can’t be reached. The answer was %d.", status)
	}
	return but
}
