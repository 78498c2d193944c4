// Package clients has no code but tests: OAuth clients that nobody here wrote sign in at
// the program as it runs. It is a module of its own, so that what they need isn't the
// product's.
package clients

import (
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

func TestMain(m *testing.M) { keyportertest.Main(m) }

func TestScripts(t *testing.T) {
	t.Parallel()
	for _, script := range scripts(t) {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, p *provider) { runScript(t, script, p) })
		})
	}
}
