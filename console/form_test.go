package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/keyportertest"
)

// forms have each field that one of the routes reads.
const forms = "name=Taken+over&expires=&organization=Evil&login=stranger%40evil.example&password=correct+horse+battery"

// requests are one for each route, about the token.
func requests(token keyporter.ID) (all [][2]string) {
	for _, pattern := range console.Routes() {
		method, path, _ := strings.Cut(pattern, " ")
		all = append(all, [2]string{method, strings.NewReplacer("{id}", string(token), "{code}", "none", "{$}", "").Replace(path)})
	}
	return all
}

// TestFormsFromOtherSitesChangeNothing sends each form as a page of another site would have ada's browser send it.
func TestFormsFromOtherSitesChangeNothing(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	token, _ := keyportertest.Token(t, w.Control, w.ada, "Export")
	r := w.signedIn(ada)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r.header = http.Header{header: {value}}
		for _, request := range requests(token.ID) {
			if request[0] == http.MethodPost {
				r.do(request[0], request[1], forms)
				r.sees(403, "This form came from another site. Nothing was changed.")
			}
		}
	}
	r.header = http.Header{}
	r.get("/tokens")
	r.sees(200, "Export") // still signed in
	if got := w.tokens(); len(got) != 1 || got[0] != token {
		t.Errorf("ada's tokens are %+v", got)
	}
}

// TestAFormAfterTheSessionEnded is sent to the sign-in, is told why, and writes nothing.
func TestAFormAfterTheSessionEnded(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	r := w.signedIn(ada)
	w.Clock.Advance(24 * time.Hour)
	r.post("/tokens", "name", "Too late")
	r.sees(200, "Your session has ended. Sign in to go on.")
	r.header.Set("Keyporter-Fragment", "1")
	r.post("/tokens", "name", "Too late")
	r.sees(401)
	r.header.Del("Keyporter-Fragment")
	if got := w.tokens(); len(got) != 0 {
		t.Errorf("added %+v", got)
	}
	r.get("/tokens?before=abc")
	r.submit("/sign-in", "login", ada, "password", keyportertest.Password)
	if r.at != "/tokens?before=abc" {
		t.Errorf("after the sign-in: %s", r.at)
	}
}

func TestTheSignInLeadsNowhereElse(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	for _, next := range []string{
		"https://evil.example/tokens", "//evil.example", "/\\evil.example", "/tokens\\@evil.example", "javascript:alert(1)", "/sign-out", "/tokens\r\nSet-Cookie: a=b", "%",
	} {
		r := w.reader()
		r.post("/sign-in", "login", ada, "password", keyportertest.Password, "next", next)
		if r.status != http.StatusOK || r.at != "/tokens" {
			t.Errorf("%q leads to %s with %d", next, r.at, r.status)
		}
	}
}

func TestWrongPasswordsTellNothingAndAreLimited(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	w.Clock.Stop()
	r := w.reader()
	r.post("/sign-in", "login", ada, "password", "wrong")
	known := strings.ReplaceAll(r.page, ada, "")
	r.sees(401, "The login name or the password is wrong.")
	r.post("/sign-in", "login", "nobody@acme.example", "password", "wrong")
	if unknown := strings.ReplaceAll(r.page, "nobody@acme.example", ""); r.status != 401 || unknown != known {
		t.Errorf("a login that doesn't exist looks different: %d\n%s\n%s", r.status, unknown, known)
	}
	for range 20 {
		r.post("/sign-in", "login", ada, "password", "wrong")
	}
	r.sees(429, "Too many attempts", "The next one is possible in 30s")
	r.post("/sign-in", "login", ada, "password", keyportertest.Password)
	r.sees(429)
}

// TestWithoutADatabaseThePagesSaySo wants an apology and a request id, and the cause in the log only.
func TestWithoutADatabaseThePagesSaySo(t *testing.T) {
	w := newWorld(t, keyportertest.SQLite(t))
	r := w.signedIn(ada)
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/tokens", "/tokens/new"} {
		r.get(path)
		r.sees(503, "The database can&#39;t be reached. Nothing was changed. Try again soon.", "Request <code>")
	}
	r.post("/tokens", "name", "Lost")
	r.sees(503, "Nothing was changed")
	for _, words := range []string{"sql", "goroutine", ".go:"} {
		if strings.Contains(r.page, words) {
			t.Errorf("the page has %q in it:\n%s", words, r.page)
		}
	}
	if !strings.Contains(w.log.String(), "sql: database is closed") {
		t.Errorf("the log has %q", w.log)
	}
}
