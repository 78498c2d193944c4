package control_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// TestASetupLinkIsNeitherLostNorUsedTwice breaks the connection to PostgreSQL while the link is used, so
// that Keyporter can't look, and follows it again.
func TestASetupLinkIsNeitherLostNorUsedTwice(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		commit keyportertest.Commit
		again  keyporter.Kind
	}{
		"it was used": {keyportertest.CommitUnheard, keyporter.NotFound},
		"it wasn't":   {keyportertest.CommitLost, noError},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			line := keyportertest.NewLine(t, postgres.New(t))
			n := keyportertest.NewNode(t, line.URL)
			code, err := n.Control.SetupCode(t.Context(), keyporter.Command())
			wantKind(t, err, noError)
			follow := func(login string) error {
				_, err := n.Control.Setup(t.Context(), keyportertest.Nobody(), control.Setup{Code: code, Organization: login, Login: login, Password: keyportertest.Password})
				return err
			}
			line.OnCommit(c.commit, true)
			if err := follow("olivia@acme.example"); !keyporter.IsUncertain(err) {
				t.Errorf("it says %v", err)
			}
			line.Mend()
			wantKind(t, follow("ada@acme.example"), c.again)
			wantKind(t, follow("mallory@acme.example"), keyporter.NotFound)
			if all, err := n.Control.Organizations(t.Context(), keyporter.Command(), "", ""); err != nil || len(all) != 1 {
				t.Errorf("%d organizations, %v", len(all), err)
			}
		})
	}
}
