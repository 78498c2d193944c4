package oauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestAnAppLearnsThatAGrantMayBeUsedUp breaks the connection to PostgreSQL while a code is redeemed or made,
// so that Keyporter can't look. Afterward, a code works once, unless it has been used.
func TestAnAppLearnsThatAGrantMayBeUsedUp(t *testing.T) {
	t.Parallel()
	mayHaveChanged := func(t *testing.T, code, description string) {
		t.Helper()
		if code != "server_error" || !strings.HasPrefix(description, keyporter.MayHaveChanged) {
			t.Errorf("the app gets %s: %s", code, description)
		}
	}
	for what, c := range map[string]struct {
		commit keyportertest.Commit
		again  int // status
	}{
		"the code was used": {keyportertest.CommitUnheard, http.StatusBadRequest},
		"it wasn't":         {keyportertest.CommitLost, http.StatusOK},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			line := keyportertest.NewLine(t, postgres.New(t))
			w := newWorld(t, line.URL)
			w.tokens() // there is a key for ID tokens
			v := keyportertest.Verifier()
			code := redemption(w.code("public", v), v)
			line.OnCommit(c.commit, true)
			a := w.Post(t, "/oauth2/token", code)
			mayHaveChanged(t, a.Text("error"), a.Text("error_description"))
			line.Mend()
			for _, want := range []int{c.again, http.StatusBadRequest} {
				if a := w.Post(t, "/oauth2/token", code); a.Status != want || want != http.StatusOK && a.Text("error") != "invalid_grant" {
					t.Errorf("again: %v, want %d", a, want)
				}
			}
		})
	}
	t.Run("a new code", func(t *testing.T) {
		t.Parallel()
		line := keyportertest.NewLine(t, postgres.New(t))
		w := newWorld(t, line.URL)
		refresh := refreshing(w.tokens().Text("refresh_token"))
		line.OnCommit(keyportertest.CommitUnheard, true)
		got := w.person.Authorize(t, request("public", keyportertest.Verifier()))
		mayHaveChanged(t, got.Get("error"), got.Get("error_description"))
		line.Mend()

		// If it can look, it gives the tokens that it has committed.
		line.OnCommit(keyportertest.CommitUnheard, false)
		if a := w.Post(t, "/oauth2/token", refresh); a.Status != http.StatusOK || !w.works(a.Text("access_token")) {
			t.Errorf("a refresh token whose commit was looked up: %v", a)
		}
	})
}
