package oauth_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

const racers = 16

// race sends a form to the token endpoints of these servers over 16 connections. It holds the last
// byte back until all of them have arrived, so that none is answered before.
func race(t *testing.T, form func(i int) url.Values, servers ...*keyportertest.AuthServer) []keyportertest.Answer {
	t.Helper()
	arrived := func() (n int64) {
		for _, s := range servers {
			n += s.Arrived.Load()
		}
		return n
	}
	before, conns := arrived(), make([]net.Conn, racers)
	for i := range conns {
		host := strings.TrimPrefix(servers[i%len(servers)].URL, "http://")
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		conns[i] = conn
		body := form(i).Encode()
		fmt.Fprintf(conn, "POST /oauth2/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body[:len(body)-1])
	}
	keyportertest.Eventually(t, "all have arrived", func() bool { return arrived() == before+racers })
	answers := make([]keyportertest.Answer, racers)
	var running sync.WaitGroup
	for i, conn := range conns {
		running.Go(func() {
			body := form(i).Encode()
			fmt.Fprint(conn, body[len(body)-1:])
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = res.Body.Close() }()
			answers[i].Status, answers[i].Header = res.StatusCode, res.Header
			_ = json.NewDecoder(res.Body).Decode(&answers[i].Body)
		})
	}
	running.Wait()
	return answers
}

func always(form url.Values) func(int) url.Values { return func(int) url.Values { return form } }

// twoNodes runs test with two nodes on PostgreSQL, and with one on SQLite, which can't have two.
func twoNodes(t *testing.T, test func(t *testing.T, w *world, servers []*keyportertest.AuthServer)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, keyportertest.Database(t))
		test(t, w, []*keyportertest.AuthServer{w.AuthServer})
	})
	t.Run("two nodes on postgres", func(t *testing.T) {
		t.Parallel()
		db := postgres.New(t)
		w := newWorld(t, db)
		other := keyportertest.NewNode(t, db)
		other.Clock = w.Clock
		test(t, w, []*keyportertest.AuthServer{w.AuthServer, other.AuthServer(t)})
	})
}

func TestOneOf16RedeemsACode(t *testing.T) {
	t.Parallel()
	twoNodes(t, func(t *testing.T, w *world, servers []*keyportertest.AuthServer) {
		v := keyportertest.Verifier()
		won := []keyportertest.Answer{}
		for _, a := range race(t, always(redemption(w.code("public", v), v)), servers...) {
			if a.Status == http.StatusOK {
				won = append(won, a)
				continue
			}
			keyportertest.Refused(t, a, 400, "invalid_grant")
		}
		if len(won) != 1 {
			t.Fatalf("%d of %d got tokens", len(won), racers)
		}
		w.onlyChain(won[0])
	})
}

func TestSixteenSimultaneousRefreshesGetTheSame(t *testing.T) {
	t.Parallel()
	twoNodes(t, func(t *testing.T, w *world, servers []*keyportertest.AuthServer) {
		refresh := w.tokens().Text("refresh_token")
		next := ""
		for _, a := range race(t, always(refreshing(refresh)), servers...) {
			if a.Status != http.StatusOK || !w.works(a.Text("access_token")) || next != "" && a.Text("refresh_token") != next {
				t.Fatalf("%v, another got %s", a, next)
			}
			next = a.Text("refresh_token")
		}
		w.onlyChain(w.Post(t, "/oauth2/token", refreshing(next)))
	})
}

// onlyChain requires the tokens to work, and nothing else to have ended.
func (w *world) onlyChain(a keyportertest.Answer) {
	w.t.Helper()
	if a.Status != 200 || !w.works(a.Text("access_token")) || w.Post(w.t, "/oauth2/token", refreshing(a.Text("refresh_token"))).Status != 200 {
		w.t.Errorf("the winner's tokens don't work: %v", a)
	}
	if n := len(w.events(keyporter.EventGrantRevoke)) + len(w.events(keyporter.EventConnectionReplay)); n != 0 {
		w.t.Errorf("%d grants or connections were ended", n)
	}
}

func TestAReusedCodeEndsItsTokens(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		other := w.tokens()
		v := keyportertest.Verifier()
		code := w.code("public", v)
		got := w.Post(t, "/oauth2/token", redemption(code, v))
		w.Clock.Advance(time.Second)
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", redemption(code, v)), 400, "invalid_grant")
		if w.works(got.Text("access_token")) {
			t.Error("the access token works")
		}
		keyportertest.Refused(t, w.Post(t, "/oauth2/token", refreshing(got.Text("refresh_token"))), 400, "invalid_grant")
		if !w.works(other.Text("access_token")) || len(w.events(keyporter.EventGrantRevoke)) != 1 {
			t.Error("another grant ended, or there is no event")
		}
	})
}

func TestLosingARaceWithAWrongVerifierEndsNothing(t *testing.T) {
	t.Parallel()
	twoNodes(t, func(t *testing.T, w *world, servers []*keyportertest.AuthServer) {
		for range 5 {
			v, wrong := keyportertest.Verifier(), keyportertest.Verifier()
			code := w.code("public", v)
			answers := race(t, func(i int) url.Values {
				if i == 0 {
					return redemption(code, v)
				}
				return redemption(code, wrong)
			}, servers...)
			for i, a := range answers {
				switch {
				case a.Status != 200: // a wrong one may have been first and ended the grant
					keyportertest.Refused(t, a, 400, "invalid_grant")
				case i > 0 || !w.works(a.Text("access_token")) || w.Post(t, "/oauth2/token", refreshing(a.Text("refresh_token"))).Status != 200:
					t.Errorf("racer %d: %v", i, a)
				}
			}
		}
	})
}
