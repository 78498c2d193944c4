package console_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/verify"
)

// events opens the stream of live changes and returns its events, such as "row 06h…". They end with the stream.
func (v *visitor) events(t *testing.T, path string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.site.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the stream answers %d", res.StatusCode)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		name := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = n
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events <- strings.TrimSpace(name + " " + data)
			}
		}
	}()
	return events
}

// hears waits for an event, whatever else comes before it.
func hears(t *testing.T, events <-chan string, want string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, open := <-events:
			if e == want {
				return
			}
			if !open {
				t.Fatalf("the stream has ended without %q", want)
			}
		case <-late:
			t.Fatalf("the stream never says %q", want)
		}
	}
}

// TestLivePagesHearOfChanges makes changes on another node, and calls on both.
func TestLivePagesHearOfChanges(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s, other := newSiteOn(t, database), keyportertest.NewNode(t, database)
		ada, v := s.ada(t)
		eve := keyportertest.User(t, s.Control, "Acme", "eve@acme.example", keyporter.RoleAPIUser)
		token, secret := keyportertest.Token(t, s.Control, ada, "Export")
		foreign, hers := keyportertest.Token(t, s.Control, eve, "Hers")
		events := v.events(t, "/tokens/live")
		call := func(n *keyportertest.Node, secret keyporter.Secret) {
			n.Checker.Check(t.Context(), &verify.Request{Method: "GET", Host: "localhost", Path: "/Api/v6/authorization/whoami", APIToken: []string{secret.Reveal()}, ClientIP: "192.0.2.7", Agent: "curl/8.5.0"})
		}
		row := "row " + string(token.ID)
		if _, err := other.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		hears(t, events, row)
		call(s.Node, secret)
		hears(t, events, row)
		v.get("/tokens/"+string(token.ID)+"/row?first=1").want(t, 200, "<strong>Refused.</strong> The token", "is switched off", "Switch on and copy")
		if _, err := other.Control.EnableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		hears(t, events, row)
		if a := v.get("/tokens/" + string(token.ID) + "/row?first=1"); strings.Contains(a.body, "first-call") {
			t.Errorf("a refusal whose cause is gone is news:\n%s", a.body)
		}
		call(other, hers) // she hears nothing of the tokens of others
		call(other, secret)
		if err := other.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		hears(t, events, row)
		added, _ := keyportertest.Token(t, other.Control, ada, "Added elsewhere")
		hears(t, events, "row "+string(added.ID))
		if err := other.Control.DeleteToken(t.Context(), keyporter.Command(), added.ID); err != nil {
			t.Fatal(err)
		}
		hears(t, events, "gone "+string(added.ID))
		for len(events) > 0 {
			if e := <-events; strings.Contains(e, string(foreign.ID)) {
				t.Errorf("hears of a token of another user: %s", e)
			}
		}
		v.get("/tokens/"+string(foreign.ID)+"/row").want(t, 404)
	})
}

// TestLiveConnectionsHearOfChanges takes rights away elsewhere, and ends a connection.
func TestLiveConnectionsHearOfChanges(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s, other := newSiteOn(t, database), keyportertest.NewNode(t, database)
		ada, v := s.ada(t)
		app := s.App(t, keyporter.App{})
		conn := s.Connect(t, ada, app, "envelope.read", "file.read")
		events := v.events(t, "/connections/live")
		if err := other.Control.RemoveScope(t.Context(), keyporter.Command(), conn.ID, "file.read"); err != nil {
			t.Fatal(err)
		}
		hears(t, events, "row "+string(conn.ID))
		other.Used(t, conn.ID, keyporter.ClientUse{Agent: "dms/1", LastAt: s.Clock.Now(), Allowed: 1})
		hears(t, events, "row "+string(conn.ID))
		v.get("/connections/"+string(conn.ID)+"/row").want(t, 200, `id="connection-`, "dms 1")
		later := s.Connect(t, ada, s.App(t, keyporter.App{Name: "Another"}))
		hears(t, events, "row "+string(later.ID))
		if err := other.Control.Disconnect(t.Context(), keyporter.Command(), conn.ID); err != nil {
			t.Fatal(err)
		}
		hears(t, events, "gone "+string(conn.ID))
	})
}

// TestAStreamEndsWithItsSession signs the user out elsewhere.
func TestAStreamEndsWithItsSession(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	events := v.events(t, "/tokens/live")
	if err := s.Control.DisableUser(t.Context(), keyporter.Command(), ada.ID); err != nil {
		t.Fatal(err)
	}
	hears(t, events, "ended")
	if _, open := <-events; open {
		t.Error("the stream goes on")
	}
}

// breaking returns the site behind a server that gives each request as little time to be read as it takes, as the real one gives
// pages more, and a function that breaks all connections.
func (s *site) breaking(t *testing.T) (at *site, breakAll func()) {
	t.Helper()
	pages := console.New(console.Config{Control: s.Control, Checker: s.Checker, Now: s.Clock.Now})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &site{Node: s.Node, url: server.URL, log: s.log}, server.CloseClientConnections
}

// TestAStreamOutlivesTheTimeForAPage hears of a change after a page would have to be read.
func TestAStreamOutlivesTheTimeForAPage(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	token, _ := keyportertest.Token(t, s.Control, ada, "Export")
	at, _ := s.breaking(t)
	events := at.signIn(t, ada).events(t, "/tokens/live")
	select {
	case e, open := <-events:
		t.Fatalf("the stream says %q, and is open: %v", e, open)
	case <-time.After(400 * time.Millisecond):
	}
	if _, err := s.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
		t.Fatal(err)
	}
	hears(t, events, "row "+string(token.ID))
}

// TestAPageCatchesUpAfterItsStreamBroke changes a token and deletes another while a page hears nothing.
func TestAPageCatchesUpAfterItsStreamBroke(t *testing.T) {
	s := newSite(t)
	ada := keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
	export, _ := keyportertest.Token(t, s.Control, ada, "Export")
	archive, _ := keyportertest.Token(t, s.Control, ada, "Archive")
	at, breakAll := s.breaking(t)
	b := at.openBrowser(t, ada)
	b.Wait("document.querySelectorAll('.switch[aria-checked=true]').length === 2")
	time.Sleep(time.Second) // until the stream is there
	breakAll()
	_, err := s.Control.DisableToken(t.Context(), keyporter.Command(), export.ID)
	if err = errors.Join(err, s.Control.DeleteToken(t.Context(), keyporter.Command(), archive.ID)); err != nil {
		t.Fatal(err)
	}
	b.Wait("document.querySelectorAll('.switch').length === 1 && document.querySelector('.switch[aria-checked=false]')")
}

// TestStreamsAreLimited opens as many as a user may have, and one more.
func TestStreamsAreLimited(t *testing.T) {
	s := newSite(t)
	_, v := s.ada(t)
	for range 10 {
		v.events(t, "/tokens/live")
	}
	v.get("/tokens/live").want(t, http.StatusTooManyRequests, "too many pages open")
}

// TestAPageLeftOpenKeepsNoSession leaves a page with a stream open for as long as a session may be idle.
func TestAPageLeftOpenKeepsNoSession(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	token, _ := keyportertest.Token(t, s.Control, ada, "Export")
	row := "/tokens/" + string(token.ID) + "/row"
	events := v.events(t, "/tokens/live")
	for range 48 {
		v.get(row).want(t, 200)
		s.Clock.Advance(30 * time.Minute)
	}
	v.get(row).want(t, http.StatusSeeOther)
	hears(t, events, "ended")
	v.get("/tokens").wantRedirect(t, "/sign-in")
}
