package introspection

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

const (
	// beatEvery is how often a stream says that it hears.
	beatEvery = 500 * time.Millisecond
	// sendTime is how long sending a line may take. A gateway that reads more slowly is cut off.
	sendTime = 5 * time.Second
	// maxStreams is how many streams a gateway may have open at a time on a node.
	maxStreams = 64
)

// line is one line of a stream.
type line struct {
	Hello bool         `json:"hello,omitempty"`  // nothing kept from before is valid anymore
	LagMS int64        `json:"lag_ms,omitempty"` // with it: for how long after a change another node may answer from before
	Beat  bool         `json:"beat,omitempty"`
	AgoMS int64        `json:"ago_ms,omitempty"` // with a beat: every change before that was sent
	Reset bool         `json:"reset,omitempty"`  // anything may have changed
	Drop  *droppedLine `json:"drop,omitempty"`
}

// droppedLine is a verify.Drop as gateways see it.
type droppedLine struct {
	Credential   keyporter.ID             `json:"credential,omitempty"`
	Connection   keyporter.ID             `json:"connection,omitempty"`
	App          keyporter.ID             `json:"app,omitempty"`
	User         keyporter.ID             `json:"user,omitempty"`
	Organization keyporter.ID             `json:"organization,omitempty"`
	Kind         keyporter.CredentialKind `json:"kind,omitempty"`
}

func lineOf(d verify.Drop) line {
	if d == (verify.Drop{}) {
		return line{Reset: true}
	}
	out := &droppedLine{Credential: d.Credential, Connection: d.Connection, App: d.App, User: d.User, Organization: d.Organization}
	if d.AccessTokens {
		out.Kind = keyporter.CredentialAccessToken
	}
	return line{Drop: out}
}

// changes tells a gateway which answers of introspection are no longer true, as it happens, one
// JSON object per line. While this node can't be sure that it hears about changes, it says
// nothing, and the gateway has to ask about each call.
func (s *server) changes(w http.ResponseWriter, r *http.Request, g *Gateway) error {
	if !s.streams.enter(g) {
		w.Header().Set("Retry-After", "10")
		return web.OAuthError{Status: http.StatusTooManyRequests, Code: web.TemporarilyUnavailable, Description: "This gateway has too many streams open."}
	}
	defer s.streams.leave(g)
	watch := s.Checker.Watch()
	defer watch.End()
	w.Header().Set("Content-Type", "application/x-ndjson")
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Time{}) // the gateway sends nothing more, which is fine
	out := &stream{w: w, conn: conn, checker: s.Checker, watch: watch}

	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for err := out.beat(); err == nil; {
		select {
		case <-r.Context().Done():
			return nil
		case <-s.Stopping:
			return nil
		case <-watch.Ready():
			err = out.drops()
		case <-beat.C:
			err = out.beat()
		}
	}
	return nil // the gateway hung up
}

// stream sends lines to one gateway.
type stream struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	checker *verify.Checker
	watch   *verify.Watch
	greeted bool
}

// beat says that this node hears, if it does. It first sends what the node has heard.
func (s *stream) beat() error {
	ago, hears := s.checker.Heard()
	if !hears {
		return nil
	}
	if err := s.drops(); err != nil {
		return err
	}
	if !s.greeted {
		s.greeted = true
		return s.send(line{Hello: true, LagMS: s.checker.Lag().Milliseconds(), AgoMS: ago.Milliseconds()})
	}
	return s.send(line{Beat: true, AgoMS: ago.Milliseconds()})
}

// drops sends what was dropped. Nothing that a gateway keeps can be affected before the hello.
func (s *stream) drops() error {
	var lines []line
	for _, d := range s.watch.Take() {
		lines = append(lines, lineOf(d))
	}
	if !s.greeted || len(lines) == 0 {
		return nil
	}
	return s.send(lines...)
}

func (s *stream) send(lines ...line) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	e := json.NewEncoder(s.w)
	for _, l := range lines {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return s.conn.Flush()
}

// streams counts the open streams of each gateway.
type streams struct {
	mu   sync.Mutex
	open map[*Gateway]int
}

func (s *streams) enter(g *Gateway) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*Gateway]int{}
	}
	if s.open[g] >= maxStreams {
		return false
	}
	s.open[g]++
	return true
}

func (s *streams) leave(g *Gateway) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[g]--
}
