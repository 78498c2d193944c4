package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestAWrongMethodIsNotAMissingPage(t *testing.T) {
	s := newSite(t)
	ada := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser))
	for _, c := range []struct {
		method, path, allow string
		status              int
	}{
		{http.MethodGet, "/sign-out", "POST", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/tokens", "GET, HEAD, POST", http.StatusMethodNotAllowed},
		{http.MethodPut, "/roles/some", "GET, HEAD, POST", http.StatusMethodNotAllowed},
		{http.MethodPost, "/refusals", "GET, HEAD", http.StatusMethodNotAllowed},
		{http.MethodPost, "/static/console.css", "GET, HEAD", http.StatusMethodNotAllowed},
		{http.MethodGet, "/nowhere", "", http.StatusNotFound},
		{http.MethodDelete, "/nowhere", "", http.StatusNotFound},
		{http.MethodHead, "/tokens", "", http.StatusOK},
	} {
		for who, v := range map[string]*visitor{"nobody": s.nobody(t), "ada": ada} {
			if who == "nobody" && c.status == http.StatusOK {
				continue
			}
			a := v.send(c.method, c.path, "")
			if a.status != c.status || a.allow != c.allow {
				t.Errorf("%s %s for %s: %d, Allow %q, want %d, %q", c.method, c.path, who, a.status, a.allow, c.status, c.allow)
			}
		}
	}
	ada.send(http.MethodPut, "/tokens", "").want(t, http.StatusMethodNotAllowed, "Method not allowed", "PUT", "Nothing has changed", "Go to API Tokens and Apps")
}

// TestErrorPagesLeadOn checks that each page says what happened, who can help, and where to go, and that only the log has
// the cause of a fault.
func TestErrorPagesLeadOn(t *testing.T) {
	database := keyportertest.Database(t)
	s := newSiteOn(t, database)
	_, v := s.ada(t)
	const ways, requestID = `class="button main" href="`, `<code id="request-id">`
	v.get("/users").want(t, 403, "You can’t do that", "“Manage users” permission (users.manage)", "Ask an administrator of your organization", "Sign out", ways+"/tokens")
	v.get("/apps/new").want(t, 403, "“Register apps”", "Ask an administrator of your organization", ways+"/tokens")
	v.get("/tokens/gone/rename").want(t, 404, "There is no such token.", "It may have been deleted", ways+"/tokens")
	v.get("/tokens/gone/rename").wantNot(t, requestID)
	s.nobody(t).get("/nowhere").want(t, 404, "It may be mistyped", ways+`/sign-in" data-close>Sign in`)
	s.nobody(t).get("/setup/old").want(t, 404, ways+"/sign-in")

	keyportertest.Exec(t, database, "DROP TABLE credential_refusals")
	fault := v.get("/refusals")
	fault.want(t, 500, "Something went wrong", "It isn’t your fault", requestID, "Sign out", ways+"/tokens")
	fault.wantNot(t, "no such table", "SELECT", ".go:")
	_, rest, _ := strings.Cut(fault.body, requestID)
	id, _, _ := strings.Cut(rest, "<")
	if !strings.Contains(s.log.String(), "request_id="+id) || !strings.Contains(s.log.String(), "credential_refusals") {
		t.Errorf("the log doesn't say what happened to request %s: %s", id, s.log)
	}
	keyportertest.Exec(t, database, "ALTER TABLE events RENAME TO lost")
	v.post("/tokens", "name", "Lost").want(t, 500, "This may or may not have been changed.", requestID)
}

func TestFormsShowAllErrorsAtOnce(t *testing.T) {
	s := newSite(t)
	code, err := s.Control.SetupCode(t.Context(), keyporter.System())
	if err != nil {
		t.Fatal(err)
	}
	page := s.nobody(t).post("/setup/"+code, "organization", "a\nb", "login", "ada", "password", "short")
	page.want(t, 422,
		`<p id="about-organization"><span class="error">The name contains control characters`,
		`<p id="about-login"><span class="error">The login name must be an email address`,
		`<p id="about-password"><span class="error">The password needs`,
	)
	olivia := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "olivia@acme.example", keyporter.RoleAdministrator))
	olivia.post("/users", "login", "ada", "password", "short", "role", "none").want(t, 422,
		`<p id="about-login"><span class="error">The login name must be an email address`,
		`<p id="about-password"><span class="error">The password needs`,
		`<span class="error">There is no role`,
	)
	olivia.post("/tokens", "name", "", "until", "day", "expires", "tomorrow").want(t, 422, "Enter a name.", "Enter a day such as 2027-01-31")
}
