package console_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
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
