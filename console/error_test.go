package console_test

import (
	"net/http"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestAWrongMethodIsNotAMissingPage(t *testing.T) {
	s := newSite(t)
	ada := s.enter(t, keyportertest.User(t, s.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser))
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
	ada.send(http.MethodPut, "/tokens", "").want(t, http.StatusMethodNotAllowed, "Not in this way", "PUT", "Nothing was changed", "Back to Tokens")
}
