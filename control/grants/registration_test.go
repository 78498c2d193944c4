package grants_test

import (
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestOneNetworkCannotKeepOthersFromRegistering has an attacker try many more registrations than
// all networks together may make.
func TestOneNetworkCannotKeepOthersFromRegistering(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	register := func(address string) error {
		app := keyporter.App{Name: "Tool", Authentication: keyporter.AppPublic, RedirectURIs: []string{"https://tool.example/cb"}}
		_, err := n.Grants.RegisterApp(t.Context(), grants.Caller{Address: address}, app)
		return err
	}
	registered := 0
	for range 2400 {
		switch err := register("203.0.113.7"); keyporter.KindOf(err) {
		case keyporter.TooMany:
		default:
			if err != nil {
				t.Fatal(err)
			}
			registered++
		}
	}
	if registered != 100 {
		t.Errorf("one network registered %d apps", registered)
	}
	if err := register("198.51.100.4"); err != nil {
		t.Errorf("another network: %v", err)
	}
}
