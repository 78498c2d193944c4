package console_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestFormsFromOtherSitesChangeNothing sends each form as if another site had made ada's browser send it.
func TestFormsFromOtherSitesChangeNothing(t *testing.T) {
	// The union of all forms' fields.
	const form = "name=Taken+over&expires=&organization=Evil&login=stranger%40evil.example&password=correct+horse+battery"
	s := newSite(t)
	ada, v := s.ada(t)
	token, _ := keyportertest.Token(t, s.Control, ada, "Export")
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		v.header = http.Header{header: {value}}
		for _, route := range console.Routes() {
			if path, ok := strings.CutPrefix(route, "POST "); ok {
				path = strings.NewReplacer("{id}", string(token.ID), "{code}", "none").Replace(path)
				v.send(http.MethodPost, path, form).want(t, 403, "This form came from another site. Nothing has changed.")
			}
		}
	}
	v.header = http.Header{}
	v.get("/tokens").want(t, 200, "Export") // still signed in
	if got := s.tokensOf(t, ada); len(got) != 1 || got[0] != token {
		t.Errorf("ada's tokens are %+v", got)
	}
}

// TestAProxyThatLosesThePort has the browser name another port than the proxy: the page says what to do, and the
// log has both, once.
func TestAProxyThatLosesThePort(t *testing.T) {
	var log strings.Builder
	pages := console.New(console.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "http://keys.example.com/sign-in", nil)
		r.Header.Set("Origin", "http://keys.example.com:8443")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "it must pass on the host with its port") {
			t.Errorf("%d\n%s", w.Code, w.Body)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "origin=http://keys.example.com:8443 own_origin=http://keys.example.com\n") {
		t.Errorf("the log: %s", got)
	}
}

// TestAFormSentAfterTheSessionEnded leads to the sign-in, which says why, and changes nothing.
func TestAFormSentAfterTheSessionEnded(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	s.Clock.Advance(24 * time.Hour)
	a := v.post("/tokens", "name", "Too late")
	a.wantRedirect(t, "/sign-in")
	v.get(a.location).want(t, 200, "Your session has ended. Sign in to continue.")
	v.header.Set("Keyporter-Fragment", "1")
	v.post("/tokens", "name", "Too late").want(t, 401)
	v.header.Del("Keyporter-Fragment")
	if got := s.tokensOf(t, ada); len(got) != 0 {
		t.Errorf("added %+v", got)
	}
	a = v.get(v.get("/tokens?before=abc").location)
	if a = v.submit(a, "/sign-in", "login", ada.Login, "password", keyportertest.Password); a.location != "/tokens?before=abc" {
		t.Errorf("after the sign-in: %s", a.location)
	}
}

func TestWrongPasswordsRevealNothingAndAreLimited(t *testing.T) {
	s := newSite(t)
	s.Clock.Stop()
	ada, _ := s.ada(t)
	v := s.nobody(t)
	known := v.post("/sign-in", "login", ada.Login, "password", "wrong")
	known.want(t, 401, "The login name or password is wrong.")
	unknown := v.post("/sign-in", "login", "nobody@acme.example", "password", "wrong")
	if unknown.status != 401 || strings.ReplaceAll(unknown.body, "nobody@acme.example", ada.Login) != known.body {
		t.Errorf("an unknown login name looks different: %d\n%s\n%s", unknown.status, unknown.body, known.body)
	}
	var last answer
	for range 20 {
		last = v.post("/sign-in", "login", ada.Login, "password", "wrong")
	}
	last.want(t, 429, "Too many attempts", "Try again in 30 seconds.")
	v.post("/sign-in", "login", ada.Login, "password", keyportertest.Password).want(t, 429)
}

// TestPagesWithoutADatabase checks that pages show a request ID, and only the log has the cause.
func TestPagesWithoutADatabase(t *testing.T) {
	s := newSite(t)
	_, v := s.ada(t)
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/tokens", "/tokens/new"} {
		v.get(path).want(t, 503, "The database can&#39;t be reached. Nothing has changed. Try again soon.", `<code id="request-id">`)
	}
	a := v.post("/tokens", "name", "Lost")
	a.want(t, 503, "Nothing has changed")
	for _, words := range []string{"sql", "goroutine", ".go:"} {
		if strings.Contains(a.body, words) {
			t.Errorf("the page contains %q:\n%s", words, a.body)
		}
	}
	if !strings.Contains(s.log.String(), "sql: database is closed") {
		t.Errorf("the log has %q", s.log)
	}
}

// TestAPageSaysThatAChangeMayHaveBeenMade breaks the connection to PostgreSQL when it has committed, so
// that Keyporter can't look.
func TestAPageSaysThatAChangeMayHaveBeenMade(t *testing.T) {
	line := keyportertest.NewLine(t, postgres.New(t))
	s := newSiteOn(t, line.URL)
	_, v := s.ada(t)
	line.OnCommit(keyportertest.CommitUnheard, true)
	a := v.post("/tokens", "name", "Export")
	a.want(t, 503, keyporter.MayHaveChanged)
	if strings.Contains(a.body, "Nothing has changed") {
		t.Errorf("the page says both:\n%s", a.body)
	}
	line.Mend()
	keyportertest.Eventually(t, "the token is there", func() bool { return strings.Contains(v.get("/tokens").body, "Export") })
}
