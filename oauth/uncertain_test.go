package oauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestAnAppLearnsThatAGrantMayBeUsedUp breaks the connection to PostgreSQL when it has committed, so that
// Keyporter can't look.
func TestAnAppLearnsThatAGrantMayBeUsedUp(t *testing.T) {
	t.Parallel()
	line := keyportertest.NewLine(t, postgres.New(t))
	w := newWorld(t, line.URL)
	v := keyportertest.Verifier()
	code, refresh := redemption(w.code("public", v), v), refreshing(w.tokens().Text("refresh_token"))

	line.OnCommit(keyportertest.Unheard, true)
	a := w.Post(t, "/oauth2/token", code)
	if a.Status != http.StatusInternalServerError || a.Text("error") != "server_error" || !strings.HasPrefix(a.Text("error_description"), keyporter.MayHaveChanged) {
		t.Errorf("a code whose use is uncertain: %v", a)
	}
	line.Mend()

	// If it can look, it gives the tokens that it has committed.
	line.OnCommit(keyportertest.Unheard, false)
	if a := w.Post(t, "/oauth2/token", refresh); a.Status != http.StatusOK || !w.works(a.Text("access_token")) {
		t.Errorf("a refresh token whose commit was looked up: %v", a)
	}
}
